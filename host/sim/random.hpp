// The simulation's random numbers: xoshiro256** seeded by splitmix64, so that a seed gives the same
// run on every machine and with every library (the standard library's distributions differ between
// implementations).
//
// A run has one seed. Each part draws from a stream of its own, forked by a label, so one more draw
// in one part does not change the others':
//
//     Random of_run(seed);
//     Random faults = of_run.fork("faults");
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace portico::sim {

class Random {
public:
    explicit constexpr Random(std::uint64_t seed) noexcept : origin_(seed) {
        for (std::uint64_t& word : state_) {
            word = splitmix(seed);
        }
    }

    [[nodiscard]] constexpr std::uint64_t next() noexcept {
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    // 0 to bound - 1; bound is at least 1. The bias of the plain remainder does not matter here.
    [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        return next() % bound;
    }
    // Both ends included.
    [[nodiscard]] constexpr std::uint64_t between(std::uint64_t least,
                                                  std::uint64_t most) noexcept {
        return least + (most - least == UINT64_MAX ? next() : below(most - least + 1));
    }
    // True in `parts` of 65,536 cases: 0 is never, and draws nothing; 65,536 is always.
    [[nodiscard]] constexpr bool chance(std::uint32_t parts) noexcept {
        return parts != 0 && (next() >> 48) < parts;
    }
    // True in one of `cases` cases.
    [[nodiscard]] constexpr bool one_in(std::uint64_t cases) noexcept { return below(cases) == 0; }

    // Returns small numbers often, large ones seldom: each power of two up to `most` is as likely
    // as the next. For sizes and delays.
    [[nodiscard]] constexpr std::uint64_t skewed(std::uint64_t most) noexcept {
        std::uint64_t bits = 0;
        while (bits < 63 && (most >> bits) != 0) {
            ++bits;
        }
        const std::uint64_t drawn = below(bits + 1);
        return drawn == 0 ? 0 : below(std::uint64_t{1} << drawn) % (most + 1);
    }

    template <class Container>
    [[nodiscard]] constexpr auto& pick(Container& from) noexcept {
        return from[static_cast<std::size_t>(below(from.size()))];
    }
    template <class Container>
    constexpr void shuffle(Container& order) noexcept {
        for (std::size_t left = order.size(); left > 1; --left) {
            std::swap(order[left - 1], order[static_cast<std::size_t>(below(left))]);
        }
    }

    // Makes an independent stream. It draws nothing from this one: the same label gives the same
    // stream at any time.
    [[nodiscard]] constexpr Random fork(std::string_view label,
                                        std::uint64_t number = 0) const noexcept {
        std::uint64_t hash = 0xCBF2'9CE4'8422'2325ULL ^ number;
        for (const char letter : label) {
            hash = (hash ^ static_cast<unsigned char>(letter)) * 0x0000'0100'0000'01B3ULL;
        }
        return Random(origin_ ^ splitmix(hash));
    }

private:
    [[nodiscard]] static constexpr std::uint64_t rotate(std::uint64_t word, int by) noexcept {
        return word << by | word >> (64 - by);
    }
    [[nodiscard]] static constexpr std::uint64_t splitmix(std::uint64_t& seed) noexcept {
        seed += 0x9E37'79B9'7F4A'7C15ULL;
        std::uint64_t mixed = seed;
        mixed = (mixed ^ mixed >> 30) * 0xBF58'476D'1CE4'E5B9ULL;
        mixed = (mixed ^ mixed >> 27) * 0x94D0'49BB'1331'11EBULL;
        return mixed ^ mixed >> 31;
    }

    std::uint64_t origin_;
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace portico::sim
