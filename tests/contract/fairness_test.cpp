// An operation that is always ready must not starve others that are ready now and then.
#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The most completions of the busy one that may pass before the quiet one is served. Backends ask
// the system again after a budget of some tens; the bound only shows whether there is a budget.
constexpr int completions_max = 2'000;

}  // namespace

TEST_CASE("a connection that is always ready does not starve another", "[contract][fairness]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 16);
    CAPTURE(batch);
    World world(kind, {.buffer_bytes = 16, .batch = batch});
    Connection busy(world);
    Connection quiet(world);
    Tracked<io::TimerOperation> timer(world);
    Tracked<io::PostOperation> post(world);
    // Enough for many more receives of 16 bytes than the bound.
    REQUIRE(busy.peer.send_all(std::string(100'000, 'b')));
    busy.receive.then = [&] {
        if (busy.take()) {
            world.submit(busy.receive);
        }
    };
    world.submit(busy.receive);
    REQUIRE(world.run_until([&] { return busy.receive.completions >= 50; }));
    const int before = busy.receive.completions;
    world.submit(quiet.receive);
    world.submit(timer);
    world.submit(post);
    REQUIRE(quiet.peer.send_all("q"));
    REQUIRE(world.run_until(
        [&] { return quiet.receive.is_done() && timer.is_done() && post.is_done(); }));
    CHECK(busy.receive.completions - before < completions_max);
    CHECK(quiet.take());
    busy.receive.then = nullptr;
    if (busy.receive.in_flight) {
        world.port().cancel(busy.receive);
        REQUIRE(world.run_until([&] { return !busy.receive.in_flight; }));
    }
    if (busy.receive.error == io::Error::none) {
        busy.take();
    }
    busy.close();
    quiet.close();
    world.require_balanced();
}

TEST_CASE("posts and timers that come back at once do not starve connections",
          "[contract][fairness]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 16);
    CAPTURE(batch);
    World world(kind, {.batch = batch});
    Connection quiet(world);
    int busy = 0;
    bool is_over = false;
    std::vector<std::unique_ptr<Tracked<io::PostOperation>>> posts;
    std::vector<std::unique_ptr<Tracked<io::TimerOperation>>> timers;
    const auto again = [&](auto& operation) {
        operation.then = [&world, &busy, &is_over, &operation] {
            ++busy;
            if (!is_over) {
                world.submit(operation);
            }
        };
        world.submit(operation);
    };
    SECTION("posts") {
        for (int i = 0; i < 32; ++i) {
            again(*posts.emplace_back(std::make_unique<Tracked<io::PostOperation>>(world)));
        }
    }
    SECTION("timers") {
        for (int i = 0; i < 32; ++i) {
            again(*timers.emplace_back(std::make_unique<Tracked<io::TimerOperation>>(world)));
        }
    }
    REQUIRE(world.run_until([&] { return busy > 1'000; }));
    world.submit(quiet.receive);
    REQUIRE(quiet.peer.send_all("q"));
    const int before = busy;
    REQUIRE(world.run_until(
        [&] { return quiet.receive.is_done() || busy - before > 100 * completions_max; }));
    CHECK(quiet.receive.is_done());
    CHECK(busy - before < completions_max);
    is_over = true;
    REQUIRE(world.run_until(
        [&] { return world.port().outstanding() == (quiet.receive.in_flight ? 1 : 0); }));
    if (quiet.receive.is_done()) {
        CHECK(quiet.take());
    }
}

TEST_CASE(
    "a connection that is always ready has few more turns than those that wait for each message",
    "[contract][fairness]") {
    const PortCase& kind = SINGLE_PORT();
    INFO(kind.name);
    World world(kind, {.buffer_bytes = 16});
    Connection busy(world);
    constexpr int count = 8;
    std::vector<std::unique_ptr<Connection>> others;
    bool is_over = false;
    constexpr int turns = 400;
    // more than it will need, and little enough for every network
    REQUIRE(busy.peer.send_all(std::string((turns + 100) * 16, 'b')));
    busy.receive.then = [&] {
        if (busy.take() && !is_over) {
            world.submit(busy.receive);
        }
    };
    for (int i = 0; i < count; ++i) {
        Connection& other = *others.emplace_back(std::make_unique<Connection>(world));
        other.receive.then = [&world, &is_over, &other] {
            if (other.take() && !is_over) {
                world.submit(other.receive);
                other.peer.send_all("o");  // into a receive that already waits
            }
        };
        world.submit(other.receive);
        REQUIRE(other.peer.send_all("o"));
    }
    world.submit(busy.receive);
    REQUIRE(world.run_until([&] { return busy.receive.completions >= turns; }));
    for (const auto& other : others) {
        CHECK(other->receive.completions >= turns / 4);
    }
    is_over = true;
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
}
