// Windows' FILETIME, a number of 100 nanoseconds in two halves.
#pragma once

#include <windows.h>

#include <cstdint>

namespace portico::io {

inline constexpr std::uint64_t nanoseconds_per_file_time = 100;
inline constexpr std::uint64_t file_times_per_second = 10'000'000;

[[nodiscard]] inline std::uint64_t ticks_of(const FILETIME& time) noexcept {
    return std::uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
}

}  // namespace portico::io
