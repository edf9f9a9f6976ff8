#include <windows.h>

#include "io/file_time.hpp"
#include "io/thread_clock.hpp"

namespace portico::io {

namespace {

HANDLE handle_of(std::intptr_t thread) noexcept {
    return reinterpret_cast<HANDLE>(thread);
}

}  // namespace

ThreadClock::~ThreadClock() {
    if (const std::intptr_t thread = thread_.load(std::memory_order_relaxed); thread != 0) {
        ::CloseHandle(handle_of(thread));
    }
}

void ThreadClock::begin() noexcept {
    const HANDLE own = ::OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE,
                                    ::GetCurrentThreadId());
    thread_.store(reinterpret_cast<std::intptr_t>(own), std::memory_order_release);
}

std::optional<std::uint64_t> ThreadClock::used_ns() const noexcept {
    const std::intptr_t thread = thread_.load(std::memory_order_acquire);
    FILETIME created{};
    FILETIME ended{};
    FILETIME kernel{};
    FILETIME user{};
    if (thread == 0 || ::GetThreadTimes(handle_of(thread), &created, &ended, &kernel, &user) == 0) {
        return std::nullopt;
    }
    return (ticks_of(kernel) + ticks_of(user)) * nanoseconds_per_file_time;
}

}  // namespace portico::io
