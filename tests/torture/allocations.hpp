// Allocations, and starts of threads, that fail on demand. The whole process's malloc family,
// operator new and pthread_create are replaced (allocations.cpp), so the libraries' and the
// plugins' own calls fail too.
//
// One thread's calls are counted, and its n-th one fails, or all from the n-th on. So a run can be
// repeated with the next call failing, and does the same up to there, whatever the other threads
// do.
#pragma once

#include <cstdint>

namespace portico::test {

enum class Failing : std::uint8_t {
    once,    // the n-th alone: memory was short for a moment
    onward,  // the n-th and all after it
};

// The threads that are started from here on are 1, 2, ... in the order of their start; this one,
// and all that ran before, are 0.
void number_threads();

// From its construction to its end the calls of one thread are counted and fail. One at a time.
class FailingCalls {
public:
    // On the thread that is 0.
    FailingCalls(std::uint32_t thread, std::uint64_t first, Failing how) noexcept;
    ~FailingCalls() { stop(); }
    FailingCalls(const FailingCalls&) = delete;
    FailingCalls& operator=(const FailingCalls&) = delete;

    void stop() noexcept;
    // Whether a call has failed; else the thread made fewer.
    [[nodiscard]] bool has_failed() const noexcept;
};

// Pieces of memory that the process has and has not given back.
[[nodiscard]] std::int64_t live_allocations() noexcept;

}  // namespace portico::test
