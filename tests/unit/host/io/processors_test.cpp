// The number of processors that the process may use: at least one, never more than there are, and
// fewer after it was bound to fewer.
#include "io/processors.hpp"

#include <thread>

#include "support/catch.hpp"

#ifdef _WIN32
#include <windows.h>
#else
#include <sched.h>
#endif

using namespace portico::io;

TEST_CASE("a job's hard cap pays for processors, rounded up", "[io][processors]") {
    CHECK(processors_of_cpu_rate(10'000, 4) == 4);
    CHECK(processors_of_cpu_rate(5'000, 4) == 2);
    CHECK(processors_of_cpu_rate(5'001, 4) == 3);
    CHECK(processors_of_cpu_rate(1, 64) == 1);
    CHECK(processors_of_cpu_rate(0, 4) == 1);
    CHECK(processors_of_cpu_rate(20'000, 4) == 4);
    CHECK(processors_of_cpu_rate(10'000, 0) == 1);
}

TEST_CASE("a process that is bound to one processor may use one", "[io][processors]") {
    const std::uint32_t all = usable_processors();
    CHECK(all >= 1);
    CHECK(all <= std::thread::hardware_concurrency());
#ifdef _WIN32
    DWORD_PTR before = 0;
    DWORD_PTR system = 0;
    REQUIRE(::GetProcessAffinityMask(::GetCurrentProcess(), &before, &system) != 0);
    REQUIRE(::SetProcessAffinityMask(::GetCurrentProcess(), before & (~before + 1)) != 0);
    const std::uint32_t bound = usable_processors();
    REQUIRE(::SetProcessAffinityMask(::GetCurrentProcess(), before) != 0);
#else
    cpu_set_t before;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
        }
    }
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    const std::uint32_t bound = usable_processors();
    REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
#endif
    CHECK(bound == 1);
    CHECK(usable_processors() == all);
}
