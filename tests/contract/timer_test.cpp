// Timers: their instants, their order, and their cancelling.
#include "contract/world.hpp"

#include <algorithm>
#include <random>

using namespace portico;
using namespace portico::test;

namespace {

constexpr std::uint64_t ms = base::nanoseconds_per_millisecond;

}  // namespace

TEST_CASE("a timer completes at its instant and never before", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::TimerOperation> timer(world);
    std::uint64_t seen = 0;
    timer.then = [&] { seen = world.port().now(); };
    for (const std::uint64_t after_ns :
         {std::uint64_t{1}, 100'000 + std::uint64_t{0}, 3 * ms, 20 * ms + 1}) {
        timer.deadline_ns = world.port().now() + after_ns;
        world.complete(timer);
        CHECK(timer.error == io::Error::none);
        CHECK(seen >= timer.deadline_ns);
        CHECK(seen < timer.deadline_ns + 5'000 * ms);  // a busy machine, but not a lost timer
    }
    timer.then = nullptr;
    world.require_balanced();
}

TEST_CASE("a timer whose instant is past completes at once", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::TimerOperation> zero(world);
    zero.deadline_ns = 0;
    world.submit(zero);
    CHECK(world.step(0) == 1);  // even for a wait that only looks
    CHECK(zero.is_done());
    CHECK(zero.error == io::Error::none);
    world.require_balanced();
}

TEST_CASE("timers complete in the order of their instants", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    const std::uint64_t start = world.port().now();
    const std::uint64_t after_ms[] = {9, 3, 12, 1, 6, 2, 30, 7};
    std::vector<std::unique_ptr<Tracked<io::TimerOperation>>> timers;
    std::vector<std::uint64_t> order;
    for (const std::uint64_t after : after_ms) {
        timers.push_back(std::make_unique<Tracked<io::TimerOperation>>(world));
        auto& timer = *timers.back();
        timer.deadline_ns = start + after * ms;
        timer.then = [&] { order.push_back(timer.deadline_ns); };
        world.submit(timer);
    }
    REQUIRE(world.run_until([&] { return order.size() == std::size(after_ms); }));
    CHECK(std::is_sorted(order.begin(), order.end()));
    world.require_balanced();
}

TEST_CASE(
    "timers that became due while they were submitted complete in the order of their instants",
    "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 64);
    World world(kind, {.batch = batch});
    const std::uint64_t start = world.port().now();
    std::vector<std::unique_ptr<Tracked<io::TimerOperation>>> timers;
    std::vector<std::uint64_t> order;
    for (const std::uint64_t ago_us : {5, 9, 1, 7, 8, 2, 6, 3, 4}) {
        timers.push_back(std::make_unique<Tracked<io::TimerOperation>>(world));
        auto& timer = *timers.back();
        timer.deadline_ns = start - ago_us * 1'000;
        timer.then = [&] { order.push_back(timer.deadline_ns); };
        world.submit(timer);
    }
    REQUIRE(world.run_until([&] { return order.size() == timers.size(); }));
    CHECK(std::is_sorted(order.begin(), order.end()));
    world.require_balanced();
}

TEST_CASE("a timer is cancelled", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::TimerOperation> far(world);
    Tracked<io::TimerOperation> near(world);
    far.deadline_ns = world.port().now() + 3'600'000 * ms;
    near.deadline_ns = world.port().now() + 5 * ms;
    world.submit(far);
    world.submit(near);
    world.port().cancel(far);
    CHECK(far.in_flight);
    REQUIRE(world.run_until([&] { return far.is_done(); }));
    CHECK(far.error == io::Error::aborted);
    REQUIRE(world.run_until([&] { return near.is_done(); }));
    CHECK(near.error == io::Error::none);

    SECTION("and set again") {
        far.deadline_ns = world.port().now() + 2 * ms;
        world.complete(far);
        CHECK(far.error == io::Error::none);
        CHECK(far.completions == 2);
    }
    SECTION("too late: it is on its way") {
        far.deadline_ns = 0;
        near.deadline_ns = 0;
        far.then = [&] {
            if (near.in_flight) {
                world.port().cancel(near);
            }
        };
        near.then = [&] {
            if (far.in_flight) {
                world.port().cancel(far);
            }
        };
        world.submit(far);
        world.submit(near);
        REQUIRE(world.run_until([&] { return !far.in_flight && !near.in_flight; }));
        CHECK(far.completions == 2);
        CHECK(near.completions == 2);
    }
    world.require_balanced();
}

TEST_CASE("ten thousand timers, half of them cancelled", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 64);
    World world(kind, {.batch = batch});
    constexpr std::size_t count = 10'000;
    std::mt19937 random(11);
    std::vector<std::unique_ptr<Tracked<io::TimerOperation>>> timers;
    std::uint64_t last = 0;
    bool is_ordered = true;
    bool is_early = false;
    const std::uint64_t start = world.port().now();
    for (std::size_t i = 0; i < count; ++i) {
        timers.push_back(std::make_unique<Tracked<io::TimerOperation>>(world));
        auto& timer = *timers.back();
        timer.deadline_ns = start + 200 * ms + random() % (100 * ms);
        timer.then = [&] {
            if (timer.error == io::Error::none) {
                is_ordered = is_ordered && timer.deadline_ns >= last;
                is_early = is_early || world.port().now() < timer.deadline_ns;
                last = timer.deadline_ns;
            }
        };
        world.port().timer(timer);
    }
    CHECK(world.port().outstanding() == count);
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) {
        order[i] = i;
    }
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t i = 0; i < count / 2; ++i) {
        world.port().cancel(*timers[order[i]]);
    }
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    CHECK(is_ordered);
    CHECK_FALSE(is_early);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& timer = *timers[order[i]];
        // A cancel may come too late if the machine stood still; a timer that was not cancelled is
        // never aborted.
        const bool is_well = timer.completions == 1 &&
                             (i < count / 2 || timer.error == io::Error::none);
        wrong += is_well ? 0 : 1;
    }
    CHECK(wrong == 0);
    world.require_balanced();
}

TEST_CASE("a timer that is set again in its handler goes on", "[contract][timer]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.batch = 1});
    Tracked<io::TimerOperation> timer(world);
    timer.then = [&] {
        if (timer.completions < 1'000) {
            timer.deadline_ns = world.port().now() + 1'000;
            world.submit(timer);
        }
    };
    timer.deadline_ns = 0;
    world.submit(timer);
    REQUIRE(world.run_until([&] { return timer.completions == 1'000; }));
    timer.then = nullptr;
    world.require_balanced();
}
