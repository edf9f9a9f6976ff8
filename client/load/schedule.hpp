// The instants at which the messages of an open loop (--rate) are due.
//
// Message N of connection C has the place (N - 1) * connections + (C - 1) in one row. So each
// connection's messages are spread over the whole run, and no search is needed for the next one
// that is due: the connections take turns. Nothing here reads a clock: a message is due at its
// instant even if nobody is ready to send it.
//
// Even: the places are equally far apart. Poisson: the row is cut into blocks of 256 places, and
// the instants of a block are those of 256 independent events within its time, sorted. So gaps are
// exponential, as far as 256 of them can show; the rate is kept exactly; and the instant of any
// place depends only on the seed.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "messages/mix.hpp"

namespace portico::client {

enum class Arrivals : std::uint8_t { even, poisson };

// `messages` in `seconds`, 1 to 1,000: half a message a second is 1 in 2. Their product is at most
// 10^10, so the arithmetic of an instant stays within 64 bits.
struct Rate {
    std::uint64_t messages = 0;  // 0: no rate, as fast as replies come
    std::uint64_t seconds = 1;

    Rate() = default;
    Rate(std::uint64_t its_messages, std::uint64_t its_seconds = 1) noexcept
        : messages(its_messages), seconds(its_seconds) {}

    [[nodiscard]] explicit operator bool() const noexcept { return messages != 0; }
    [[nodiscard]] double per_second() const noexcept {
        return static_cast<double>(messages) / static_cast<double>(seconds);
    }
    friend bool operator==(const Rate&, const Rate&) = default;
};

// The position of each place within its block, as a share of the block's length. Caches the blocks
// that were used last. Each thread has its own.
class PoissonBlocks {
public:
    static constexpr std::uint64_t places = 256;

    explicit PoissonBlocks(std::uint64_t seed) noexcept : seed_(seed) { numbers_.fill(UINT64_MAX); }

    [[nodiscard]] double share(std::uint64_t block, std::uint64_t place) noexcept {
        const std::size_t kept = block % blocks;
        if (numbers_[kept] != block) {
            draw(block, shares_[kept]);
            numbers_[kept] = block;
        }
        return shares_[kept][place];
    }

private:
    static constexpr std::size_t blocks = 16;
    using Shares = std::array<double, places>;

    // The order statistics of `places` uniform instants: sums of exponential gaps, divided by the
    // sum that includes one gap more.
    void draw(std::uint64_t block, Shares& shares) const noexcept {
        double sum = 0;
        const auto gap = [&](std::uint64_t place) {
            // above 0, at most 1
            const double uniform = static_cast<double>((mix(mix(seed_ ^ block) + place) >> 11) +
                                                       1) *
                                   0x1p-53;
            return -std::log(uniform);
        };
        for (std::uint64_t place = 0; place < places; ++place) {
            sum += gap(place);
            shares[place] = sum;
        }
        sum += gap(places);
        for (double& share : shares) {
            share /= sum;
        }
    }

    const std::uint64_t seed_;
    std::array<std::uint64_t, blocks> numbers_;
    std::array<Shares, blocks> shares_{};
};

class Schedule {
public:
    Schedule() = default;
    // `blocks`: null for an even schedule; it outlives this.
    Schedule(Rate rate, std::uint32_t connections, std::uint64_t began_ns,
             PoissonBlocks* blocks = nullptr) noexcept
        : rate_(rate.messages),
          period_ns_(rate.seconds * base::nanoseconds_per_second),
          connections_(connections),
          began_ns_(began_ns),
          blocks_(blocks) {}

    // `connection` and `number` count from 1. Even schedules are exact to the nanosecond: rounding
    // does not add up. Returns UINT64_MAX if the instant is more than a century away. A
    // connection's instants never decrease.
    [[nodiscard]] std::uint64_t due_ns(std::uint32_t connection,
                                       std::uint64_t number) const noexcept {
        const std::uint64_t place = (number - 1) * connections_ + (connection - 1);
        return blocks_ == nullptr ? even_ns(place) : poisson_ns(place);
    }

    // The number of a connection's messages that are due before an instant.
    [[nodiscard]] std::uint64_t due_before(std::uint32_t connection,
                                           std::uint64_t instant_ns) const noexcept {
        const std::uint64_t elapsed_ns = instant_ns > began_ns_ ? instant_ns - began_ns_ : 0;
        const std::uint64_t of_period = elapsed_ns % period_ns_ * rate_;
        const std::uint64_t places_before = elapsed_ns / period_ns_ * rate_ +
                                            (of_period + period_ns_ - 1) / period_ns_;
        if (blocks_ == nullptr) {
            return of_places(connection, places_before);
        }
        // All places of the blocks that have ended, and those before the instant in its own block.
        const std::uint64_t begun = places_before == 0
                                        ? 0
                                        : (places_before - 1) / PoissonBlocks::places *
                                              PoissonBlocks::places;
        std::uint64_t count = of_places(connection, begun);
        while (due_ns(connection, count + 1) < instant_ns) {
            ++count;
        }
        return count;
    }

private:
    static constexpr std::uint64_t age_max_ns = std::uint64_t{100} * 365 * 86'400 *
                                                base::nanoseconds_per_second;

    [[nodiscard]] std::uint64_t even_ns(std::uint64_t place) const noexcept {
        const std::uint64_t periods = place / rate_;
        if (periods > age_max_ns / period_ns_) {
            return UINT64_MAX;
        }
        return began_ns_ + periods * period_ns_ + place % rate_ * period_ns_ / rate_;
    }
    [[nodiscard]] std::uint64_t poisson_ns(std::uint64_t place) const noexcept {
        const std::uint64_t block = place / PoissonBlocks::places;
        const std::uint64_t first_ns = even_ns(block * PoissonBlocks::places);
        const std::uint64_t end_ns = even_ns((block + 1) * PoissonBlocks::places);
        if (end_ns == UINT64_MAX) {
            return UINT64_MAX;
        }
        return first_ns +
               static_cast<std::uint64_t>(static_cast<double>(end_ns - first_ns) *
                                          blocks_->share(block, place % PoissonBlocks::places));
    }
    // Counts the connection's places among the first `places` places.
    [[nodiscard]] std::uint64_t of_places(std::uint32_t connection,
                                          std::uint64_t places) const noexcept {
        return places < connection ? 0 : (places - connection) / connections_ + 1;
    }

    std::uint64_t rate_ = 1;  // messages in each period
    std::uint64_t period_ns_ = base::nanoseconds_per_second;
    std::uint64_t connections_ = 1;
    std::uint64_t began_ns_ = 0;
    PoissonBlocks* blocks_ = nullptr;
};

}  // namespace portico::client
