#include <pthread.h>
#include <ctime>

#include "base/clock.hpp"
#include "io/thread_clock.hpp"

namespace portico::io {

ThreadClock::~ThreadClock() = default;

// The clock of a thread is a number below 0 (clock_getcpuclockid(3)), so 0 means none.
void ThreadClock::begin() noexcept {
    clockid_t id{};
    if (::pthread_getcpuclockid(::pthread_self(), &id) == 0) {
        thread_.store(id, std::memory_order_release);
    }
}

std::optional<std::uint64_t> ThreadClock::used_ns() const noexcept {
    const auto id = static_cast<clockid_t>(thread_.load(std::memory_order_acquire));
    timespec used{};
    if (id == 0 || ::clock_gettime(id, &used) != 0) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(used.tv_sec) * base::nanoseconds_per_second +
           static_cast<std::uint64_t>(used.tv_nsec);
}

}  // namespace portico::io
