// The processor time that one thread has used, for other threads to read.
//
// The thread costs nothing for it: the system counts anyway, and the reader asks it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace portico::io {

class ThreadClock {
public:
    ThreadClock() = default;
    ~ThreadClock();
    ThreadClock(const ThreadClock&) = delete;
    ThreadClock& operator=(const ThreadClock&) = delete;

    // By the thread, once: from now on its time can be read. It keeps no time if the system refuses
    // a handle.
    void begin() noexcept;

    // [any thread] Nanoseconds in user and kernel mode; none before begin(), or if the system does
    // not say. The thread must not have ended. Windows counts in steps of its clock, usually 15.6
    // ms.
    [[nodiscard]] std::optional<std::uint64_t> used_ns() const noexcept;

private:
    // Linux: the id of a clock. Windows: a handle of the thread. The release of begin() pairs with
    // the acquire of used_ns().
    std::atomic<std::intptr_t> thread_{0};
};

}  // namespace portico::io
