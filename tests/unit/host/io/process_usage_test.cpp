// What the process and one of its threads use, as the system tells.
#include "io/process_usage.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "io/thread_clock.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"

using namespace portico;

namespace {

// Until the processor has worked for a while: Windows counts in steps of 15.6 ms.
void work() {
    const std::uint64_t until = base::now_ns() + 60 * base::nanoseconds_per_millisecond;
    while (base::now_ns() < until) {
    }
}

}  // namespace

TEST_CASE("the process knows what it uses", "[process_usage]") {
    const io::ProcessUsage before = io::process_usage();
    REQUIRE(before.cpu_seconds);
    REQUIRE(before.resident_bytes);
    REQUIRE(before.virtual_bytes);
    REQUIRE(before.open_fds);
    CHECK(*before.resident_bytes > 100'000);
    CHECK(*before.virtual_bytes > 100'000);
    if (before.max_fds) {
        CHECK(*before.max_fds > *before.open_fds);
    }
    std::vector<std::ifstream> files;
    for (int i = 0; i < 8; ++i) {
        files.emplace_back(PORTICO_SOURCE_DIRECTORY "/README.md");
        REQUIRE(files.back().is_open());
    }
    // Other threads of this program may open and close some as well.
    // (Wine counts no handles.)
    CHECK(*io::process_usage().open_fds >= *before.open_fds + (test::is_wine() ? 0 : 4));
    for (int i = 0; i < 100 && io::process_usage().cpu_seconds <= before.cpu_seconds; ++i) {
        work();
    }
    CHECK(*io::process_usage().cpu_seconds > *before.cpu_seconds);
}

TEST_CASE("the start of the process was before now, and not long ago", "[process_usage]") {
    const std::optional<double> start = io::process_start_seconds();
    REQUIRE(start);
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    CHECK(*start <= now + 1);
    CHECK(*start > now - 86'400);
}

TEST_CASE("a thread's clock counts its work, and not that of others", "[process_usage]") {
    io::ThreadClock busy;
    io::ThreadClock idle;
    CHECK_FALSE(busy.used_ns());
    std::atomic<bool> is_over{false};
    std::thread worker([&] {
        busy.begin();
        while (!is_over) {
        }
    });
    std::promise<void> may_end;
    std::thread sleeper([&] {
        idle.begin();
        may_end.get_future().wait();
    });
    constexpr std::uint64_t wanted = 100 * base::nanoseconds_per_millisecond;
    for (int i = 0; i < 10'000 && busy.used_ns().value_or(0) < wanted; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::uint64_t worked = busy.used_ns().value_or(0);
    const std::uint64_t slept = idle.used_ns().value_or(UINT64_MAX);
    is_over = true;
    may_end.set_value();
    worker.join();
    sleeper.join();
    CHECK(worked >= wanted);
    CHECK(slept < wanted);
}
