// Waiting: deadlines, waking, and how much one wait hands out.
#include <algorithm>

#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

namespace {

constexpr std::uint64_t ms = base::nanoseconds_per_millisecond;

}  // namespace

TEST_CASE("a wait with a deadline returns at it", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    SECTION("nothing in flight") {}
    SECTION("with an idle connection") {
        static_cast<void>(world.listener());
    }
    // It may return early, but it does not spin. Takes the best of several: work that the kernel
    // still does for a thread (taking down the ring of a trial for io_uring, say) interrupts its
    // calls, some dozen times.
    std::uint64_t least_calls = UINT64_MAX;
    std::uint64_t least_waits = UINT64_MAX;
    for (int attempt = 0; attempt < 20 && (least_calls > 5 || least_waits > 5); ++attempt) {
        const std::uint64_t waits_before = world.port().counters().waits;
        const std::uint64_t deadline = world.port().now() + 30 * ms;
        std::uint64_t calls = 0;
        while (world.port().now() < deadline) {
            CHECK(world.step(deadline) == 0);
            ++calls;
        }
        CHECK(world.port().now() < deadline + 2'000 * ms);
        least_calls = std::min(least_calls, calls);
        least_waits = std::min(least_waits, world.port().counters().waits - waits_before);
    }
    CHECK(least_calls <= 5);
    CHECK(least_waits <= 5);
    // A wait that only looks returns even if nothing is there: otherwise it would wait for ever.
    for (int i = 0; i < 100; ++i) {
        CHECK(world.step(0) == 0);
        world.step(1);  // long past
    }
    world.require_balanced();
}

TEST_CASE("a wait ends as close to its deadline as the port says", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    io::BufferPool pool(64, 1);
    io::PortOptions options;
    options.shared = kind.shared;
    options.exact_deadlines = true;
    auto port = kind.factory.make(pool, options);
    REQUIRE(port);
    // Takes the best of many, because the machine may be busy. A wait that counts in milliseconds
    // is late by 800 us each time.
    std::uint64_t least_late_ns = UINT64_MAX;
    for (int i = 0; i < 200; ++i) {
        const std::uint64_t deadline = (*port)->now() + 200'000;
        while ((*port)->now() < deadline) {
            io::Operation* none = nullptr;
            REQUIRE((*port)->wait({&none, 1}, deadline) == 0);
        }
        least_late_ns = std::min(least_late_ns, (*port)->now() - deadline);
    }
    CHECK(least_late_ns <= (*port)->wait_grain_ns() + 300'000);
}

TEST_CASE("wait hands out no more than it has room for, and the rest later", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.batch = 1});
    constexpr std::size_t count = 30;
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<std::unique_ptr<Tracked<io::PostOperation>>> posts;
    std::vector<std::unique_ptr<Tracked<io::TimerOperation>>> timers;
    std::size_t completed = 0;
    const auto count_it = [&] { ++completed; };
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
    }
    // For each connection the same event completes a receive and a send, and posts and timers come
    // with them.
    for (auto& connection : connections) {
        connection->receive.then = count_it;
        connection->send.then = count_it;
        world.submit(connection->receive);
        connection->part = {as_bytes("out").data(), 3};
        connection->send.buffers = {&connection->part, 1};
        world.submit(connection->send);
        REQUIRE(connection->peer.send_all("in"));
        posts.push_back(std::make_unique<Tracked<io::PostOperation>>(world));
        posts.back()->then = count_it;
        world.submit(*posts.back());
        timers.push_back(std::make_unique<Tracked<io::TimerOperation>>(world));
        timers.back()->then = count_it;
        world.submit(*timers.back());
    }
    REQUIRE(world.run_until([&] { return completed == 4 * count; }));
    for (auto& connection : connections) {
        CHECK(connection->take());
        CHECK(connection->input == "in");
        CHECK(connection->peer.receive_exactly(3) == "out");
    }
    connections.clear();
    world.require_balanced();
}

TEST_CASE("wake lets a wait return early", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    for (int i = 0; i < 5; ++i) {
        std::atomic<bool> is_back{false};
        std::thread waiter([&] {
            io::Operation* completed[4];
            static_cast<void>(world.port().wait(completed, world.port().now() + patience_ns));
            is_back = true;
        });
        const std::uint64_t start = base::now_ns();
        // wake() reaches a thread that already waits; this thread cannot see when the other one
        // does.
        while (!is_back && base::now_ns() - start < patience_ns) {
            world.port().wake();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        waiter.join();
        REQUIRE(base::now_ns() - start < patience_ns / 2);
    }
    // An earlier wake does no harm.
    for (int i = 0; i < 10 && world.step(0) != 0; ++i) {
    }
    world.require_balanced();
}

TEST_CASE("what another thread submits before the first wait completes in it", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    io::Socket client;
    REQUIRE(client.open_for_connect(io::Address::Family::v4));
    Tracked<io::AcceptOperation> accept(world);
    Tracked<io::AcceptOperation> cancelled_accept(world);
    Tracked<io::ConnectOperation> connect(world);
    Tracked<io::PostOperation> post(world);
    Tracked<io::TimerOperation> timer(world);
    io::Socket second;
    REQUIRE(second.listen(loopback(), 16));
    accept.listener = &world.listener();
    cancelled_accept.listener = &second;
    connect.socket = &client;
    connect.remote = world.address();
    REQUIRE(world.port().attach(second));
    REQUIRE(world.port().attach(client));
    std::thread starter([&] {
        world.port().accept(accept);
        world.port().accept(cancelled_accept);
        world.port().connect(connect);
        world.port().post(post);
        world.port().timer(timer);
        world.port().cancel(cancelled_accept);
    });
    starter.join();
    CHECK(world.port().outstanding() == 5);
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    CHECK(accept.error == io::Error::none);
    CHECK(connect.error == io::Error::none);
    CHECK(cancelled_accept.error == io::Error::aborted);
    for (const int completions :
         {accept.completions, connect.completions, cancelled_accept.completions, post.completions,
          timer.completions}) {
        CHECK(completions == 1);
    }
    io::close_native(accept.accepted);
    world.port().close(client);
    world.port().close(second);
    world.require_balanced();
}

TEST_CASE("hundreds of operations are submitted and cancelled between two waits",
          "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    // four calls each: more than fit a submission queue
    constexpr std::size_t count = 200;
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
    }
    for (auto& connection : connections) {
        world.submit(connection->receive);
        connection->part = {as_bytes("out").data(), 3};
        connection->send.buffers = {&connection->part, 1};
        world.submit(connection->send);
        world.port().cancel(connection->receive);
        world.port().cancel(connection->send);
    }
    CHECK(world.port().outstanding() == 2 * count);
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    for (auto& connection : connections) {
        CHECK(connection->receive.error == io::Error::aborted);
        CHECK((connection->send.error == io::Error::none ||
               connection->send.error == io::Error::aborted));
        REQUIRE(connection->peer.send_all("in"));
        REQUIRE(connection->read());
        CHECK(connection->input == "in");
    }
    connections.clear();
    world.require_balanced();
}

TEST_CASE("outstanding counts what is submitted and not handed out", "[contract][wait]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    CHECK(world.port().outstanding() == 0);
    Tracked<io::PostOperation> post(world);
    Tracked<io::TimerOperation> timer(world);
    timer.deadline_ns = world.port().now() + 3'600'000 * ms;
    world.submit(connection.receive);
    world.submit(post);
    world.submit(timer);
    CHECK(world.port().outstanding() == 3);
    REQUIRE(world.run_until([&] { return !post.in_flight; }));
    CHECK(world.port().outstanding() == 2);
    world.port().cancel(timer);
    world.port().cancel(connection.receive);
    CHECK(world.port().outstanding() == 2);
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    CHECK_FALSE(timer.in_flight);
    CHECK_FALSE(connection.receive.in_flight);
    connection.close();
    world.require_balanced();
}
