// Remembers whether the callbacks of an instance take long.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace portico::net {

// A port that submits in its wait needs this, since finished replies of other connections wait
// there while a callback runs. A long callback cannot be foreseen. So after one, sends are
// submitted before each callback of the instance, until 1,000 in a row were short. From any worker:
// a hint (relaxed). If two workers lose a count, it costs only a few calls.
class CallbackPace {
public:
    [[nodiscard]] bool is_slow() const noexcept {
        return short_ones_left_.load(std::memory_order_relaxed) != 0;
    }
    void took(std::uint64_t duration_ns) noexcept {
        if (duration_ns > long_ns) {
            short_ones_left_.store(short_ones_in_a_row, std::memory_order_relaxed);
        } else if (const std::uint32_t left = short_ones_left_.load(std::memory_order_relaxed);
                   left != 0) {
            short_ones_left_.store(left - 1, std::memory_order_relaxed);
        }
    }

private:
    static constexpr std::uint64_t long_ns = base::nanoseconds_per_millisecond;
    static constexpr std::uint32_t short_ones_in_a_row = 1'000;
    std::atomic<std::uint32_t> short_ones_left_{0};
};

}  // namespace portico::net
