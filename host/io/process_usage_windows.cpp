// What a process uses, by the documented functions of Windows.
#include <windows.h>

#include <psapi.h>

#include "io/file_time.hpp"
#include "io/process_usage.hpp"

namespace portico::io {

namespace {

// 1970 on the clock of FILETIME, which begins in 1601.
constexpr std::uint64_t ticks_of_1970 = 11'644'473'600 * file_times_per_second;

// "Kernel objects" in the documentation of Windows: a process has at most 2^24 handles.
constexpr std::uint64_t handles_max = std::uint64_t{1} << 24;

struct Times {
    std::uint64_t created = 0;
    std::uint64_t used = 0;
};

std::optional<Times> times() noexcept {
    FILETIME created{};
    FILETIME ended{};
    FILETIME kernel{};
    FILETIME user{};
    if (::GetProcessTimes(::GetCurrentProcess(), &created, &ended, &kernel, &user) == 0) {
        return std::nullopt;
    }
    return Times{ticks_of(created), ticks_of(kernel) + ticks_of(user)};
}

double seconds_of(std::uint64_t ticks) noexcept {
    return static_cast<double>(ticks) / static_cast<double>(file_times_per_second);
}

}  // namespace

ProcessUsage process_usage() noexcept {
    ProcessUsage usage;
    if (const std::optional<Times> now = times()) {
        usage.cpu_seconds = seconds_of(now->used);
    }
    PROCESS_MEMORY_COUNTERS memory{};
    if (::K32GetProcessMemoryInfo(::GetCurrentProcess(), &memory, sizeof memory) != 0) {
        usage.resident_bytes = memory.WorkingSetSize;
        usage.virtual_bytes = memory.PagefileUsage;
    }
    DWORD handles = 0;
    if (::GetProcessHandleCount(::GetCurrentProcess(), &handles) != 0) {
        usage.open_fds = handles;
        usage.max_fds = handles_max;
    }
    return usage;
}

std::optional<double> process_start_seconds() noexcept {
    const std::optional<Times> now = times();
    if (!now || now->created < ticks_of_1970) {
        return std::nullopt;
    }
    return seconds_of(now->created - ticks_of_1970);
}

}  // namespace portico::io
