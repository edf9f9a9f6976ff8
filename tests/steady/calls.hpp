// Counts what the threads of this program allocate and which mutexes they lock, except the test's
// own thread. The program's references to operator new, the malloc family and pthread_mutex_lock
// are redirected to counting functions (calls.cpp). Calls within the system's libraries are not
// seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace portico::test {

struct Calls {
    static constexpr std::size_t mutexes_max = 8;

    std::uint64_t allocations = 0;
    std::uint64_t locks = 0;
    // how many different ones were locked; mutexes_max means that many or more
    std::size_t mutexes = 0;
};

// Counts from its construction to the call of stop(). Only one may exist at a time.
class CountedCalls {
public:
    // The calls of this thread are left out.
    CountedCalls() noexcept;
    ~CountedCalls() { static_cast<void>(stop()); }
    CountedCalls(const CountedCalls&) = delete;
    CountedCalls& operator=(const CountedCalls&) = delete;

    Calls stop() noexcept;
};

}  // namespace portico::test
