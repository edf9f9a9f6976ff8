// Monotonic time in nanoseconds: the one clock of timers, timeouts and latencies.
#pragma once

#include <chrono>
#include <cstdint>

namespace portico::base {

inline constexpr std::uint64_t nanoseconds_per_millisecond = 1'000'000;
inline constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

[[nodiscard]] inline std::uint64_t now_ns() noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace portico::base
