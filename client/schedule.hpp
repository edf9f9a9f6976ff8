// The instants at which the messages of an open loop (--rate) are due.
//
// Message N of connection C is due at the place (N - 1) * connections + (C - 1) of one evenly spaced row. So the total is even, each
// connection's messages are evenly spaced too, and which is due next needs no search: the connections take turns. Nothing here looks at a
// clock: a message is due at its instant whether or not anyone was there to send it.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace portico::client {

class Schedule {
public:
    Schedule() = default;
    // `rate`: messages a second, 1 to rate_max.
    Schedule(std::uint64_t rate, std::uint32_t connections, std::uint64_t began_ns) noexcept
        : rate_(rate), connections_(connections), began_ns_(began_ns) {}

    // `connection` and `number` from 1. Exact to the nanosecond: no rounding adds up. UINT64_MAX for an instant of another age.
    [[nodiscard]] std::uint64_t due_ns(std::uint32_t connection, std::uint64_t number) const noexcept {
        const std::uint64_t place = (number - 1) * connections_ + (connection - 1);
        const std::uint64_t seconds = place / rate_;
        if (seconds > seconds_max) {
            return UINT64_MAX;
        }
        return began_ns_ + seconds * base::nanoseconds_per_second + place % rate_ * base::nanoseconds_per_second / rate_;
    }

    // How many messages of a connection are due before an instant.
    [[nodiscard]] std::uint64_t due_before(std::uint32_t connection, std::uint64_t instant_ns) const noexcept {
        const std::uint64_t elapsed_ns = instant_ns > began_ns_ ? instant_ns - began_ns_ : 0;
        const std::uint64_t of_second = elapsed_ns % base::nanoseconds_per_second * rate_;
        const std::uint64_t places = elapsed_ns / base::nanoseconds_per_second * rate_ +
                                     (of_second + base::nanoseconds_per_second - 1) / base::nanoseconds_per_second;
        return places < connection ? 0 : (places - connection) / connections_ + 1;
    }

private:
    static constexpr std::uint64_t seconds_max = std::uint64_t{100} * 365 * 86'400;

    std::uint64_t rate_ = 1;
    std::uint64_t connections_ = 1;
    std::uint64_t began_ns_ = 0;
};

}  // namespace portico::client
