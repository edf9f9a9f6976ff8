// The pool of receive buffers: a receive that waits for one gets one, and no connection keeps them
// from the rest.
#include "contract/world.hpp"

#include <algorithm>

using namespace portico;
using namespace portico::test;

TEST_CASE("receives that find the pool empty wait for buffers", "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 3});
    constexpr std::size_t count = 9;
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
        REQUIRE(connections.back()->peer.send_all(std::to_string(i)));
    }
    std::vector<std::size_t> holding;
    for (std::size_t i = 0; i < count; ++i) {
        connections[i]->receive.then = [&holding, i] { holding.push_back(i); };
        world.submit(connections[i]->receive);
    }
    std::size_t served = 0;
    while (served < count) {
        const std::size_t expected = std::min<std::size_t>(3, count - served);
        REQUIRE(world.run_until([&] { return holding.size() == expected; }));
        CHECK(world.pool().in_use() == expected);
        world.run_for(5);
        CHECK(holding.size() == expected);  // nobody fails because there is no buffer
        for (const std::size_t i : holding) {
            REQUIRE(connections[i]->take());
            CHECK(connections[i]->input == std::to_string(i));
            ++served;
        }
        holding.clear();
    }
    connections.clear();
    world.require_balanced();
}

TEST_CASE("a receive that waits for a buffer can be cancelled, and its data is not lost",
          "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 1});
    Connection holder(world);
    Connection first(world);
    Connection second(world);
    for (Connection* connection : {&holder, &first, &second}) {
        REQUIRE(connection->peer.send_all("data"));
    }
    world.complete(holder.receive);
    REQUIRE(holder.receive.buffer.data != nullptr);
    world.submit(first.receive);
    world.submit(second.receive);
    world.run_for(10);
    REQUIRE(first.receive.in_flight);
    REQUIRE(second.receive.in_flight);
    world.port().cancel(first.receive);
    CHECK(first.receive.in_flight);
    REQUIRE(world.run_until([&] { return !first.receive.in_flight; }));
    CHECK(first.receive.error == io::Error::aborted);
    CHECK(second.receive.in_flight);

    REQUIRE(holder.take());
    REQUIRE(world.run_until([&] { return !second.receive.in_flight; }));
    REQUIRE(second.take());
    CHECK(second.input == "data");
    REQUIRE(first.read());
    CHECK(first.input == "data");
    holder.close();
    first.close();
    second.close();
    world.require_balanced();
}

TEST_CASE("connections that are idle do not keep others from the buffers", "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 2});
    std::vector<std::unique_ptr<Connection>> idle;
    for (int i = 0; i < 8; ++i) {
        idle.push_back(std::make_unique<Connection>(world));
        world.submit(idle.back()->receive);
    }
    Connection active(world);
    for (int i = 0; i < 20; ++i) {
        REQUIRE(active.peer.send_all("x"));
        REQUIRE(active.read());
    }
    CHECK(active.input.size() == 20);
    for (auto& connection : idle) {
        CHECK(connection->receive.in_flight);
        REQUIRE(connection->peer.send_all("y"));
        REQUIRE(world.run_until([&] { return !connection->receive.in_flight; }));
        REQUIRE(connection->take());
    }
    active.close();
    idle.clear();
    world.require_balanced();
}

TEST_CASE("busy connections that wait leave half of the buffers to those that have data",
          "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    constexpr std::uint32_t buffers = 8;
    World world(kind, {.buffers = buffers});
    std::vector<std::unique_ptr<Connection>> busy;
    for (std::uint32_t i = 0; i < 2 * buffers; ++i) {
        Connection& connection = *busy.emplace_back(std::make_unique<Connection>(world));
        for (int message = 0; message < 3; ++message) {
            REQUIRE(connection.peer.send_all("x"));
            REQUIRE(connection.read());
        }
    }
    // All connections wait at once, as after a burst.
    for (auto& connection : busy) {
        world.submit(connection->receive);
    }
    world.run_for(5);
    CHECK(world.pool().in_use() <= buffers / 2);
    // The other half of the buffers is enough: every connection still gets its messages.
    for (auto& connection : busy) {
        REQUIRE(connection->peer.send_all("y"));
        REQUIRE(world.run_until([&] { return !connection->receive.in_flight; }));
        REQUIRE(connection->take());
        CHECK(connection->input == "xxxy");
    }
    busy.clear();
    world.require_balanced();
}

TEST_CASE("the end of a stream needs no buffer for long", "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 1});
    std::vector<std::unique_ptr<Connection>> connections;
    for (int i = 0; i < 5; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
        world.submit(connections.back()->receive);
    }
    for (auto& connection : connections) {
        connection->peer.close();
    }
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    for (auto& connection : connections) {
        CHECK(connection->receive.error == io::Error::none);
        CHECK(connection->receive.bytes == 0);
    }
    connections.clear();
    world.require_balanced();
}

TEST_CASE("a buffer that another thread gives back reaches a port that waits",
          "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 1});
    Connection connection(world);
    const io::Buffer held = world.pool().take();  // for example by another port's connection
    REQUIRE(held.data != nullptr);
    REQUIRE(connection.peer.send_all("data"));
    world.submit(connection.receive);
    world.run_for(5);
    REQUIRE(connection.receive.in_flight);
    std::thread other([&] {
        // by now the port waits, in most cases
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        world.pool().give_back(held);
    });
    const std::uint64_t start = world.port().now();
    const bool is_well = world.run_until([&] { return !connection.receive.in_flight; });
    const std::uint64_t took = world.port().now() - start;
    other.join();
    REQUIRE(is_well);
    CHECK(took < patience_ns / 3);
    REQUIRE(connection.take());
    CHECK(connection.input == "data");
    connection.close();
    world.require_balanced();
}

// Plugins hold and pause: their connections have no receive submitted, and their peers go on
// sending.
TEST_CASE("connections that nobody reads do not take the buffers of those that are read",
          "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    // whether the further bytes are there at once, or come while the host is idle
    const bool is_prompt = GENERATE(true, false);
    INFO(kind.name);
    CAPTURE(is_prompt);
    constexpr std::size_t buffers = 64;
    World world(kind, {.buffers = buffers});
    Connection reader(world);
    std::vector<std::unique_ptr<Connection>> held;
    for (std::size_t i = 0; i < 2 * buffers; ++i) {
        held.push_back(std::make_unique<Connection>(world));
        Connection& connection = *held.back();
        REQUIRE(connection.peer.send_all("a"));
        connection.receive.then = [&connection] { static_cast<void>(connection.take()); };
        world.submit(connection.receive);
    }
    const auto all_have = [&](std::size_t bytes) {
        return std::all_of(held.begin(), held.end(), [&](const auto& connection) {
            return connection->input.size() == bytes;
        });
    };
    REQUIRE(world.run_until([&] { return all_have(1); }));
    if (!is_prompt) {
        world.run_for(10);
    }
    for (const auto& connection : held) {
        REQUIRE(connection->peer.send_all("b"));
    }
    world.run_for(10);
    CHECK(world.pool().in_use() <= buffers / 2);
    REQUIRE(reader.peer.send_all("read me"));
    reader.read_until(7);
    CHECK(reader.input == "read me");
    // Nothing is lost, and no connection waits for ever.
    for (const auto& connection : held) {
        world.submit(connection->receive);
    }
    REQUIRE(world.run_until([&] { return all_have(2); }));
    for (const auto& connection : held) {
        CHECK(connection->input == "ab");
    }
    held.clear();
    reader.close();
    world.require_balanced();
}

TEST_CASE("more receives than fit into a queue, all with data at once, are served in turn",
          "[contract][buffers]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffer_bytes = 512, .buffers = 1'024, .batch = 64});
#ifdef __SANITIZE_THREAD__
    constexpr std::size_t count = 100;  // it counts each pair of accesses: minutes for more
#else
    constexpr std::size_t count = 1'500;
#endif
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
        Connection& connection = *connections.back();
        connection.receive.then = [&connection] { static_cast<void>(connection.take()); };
    }
    // First armed while nothing is there; then everything comes at once, twice: data, and the end.
    for (const auto& connection : connections) {
        world.submit(connection->receive);
    }
    world.run_for(20);
    for (const auto& connection : connections) {
        REQUIRE(connection->peer.send_all("x"));
    }
    const auto are_done = [&] {
        return std::all_of(connections.begin(), connections.end(),
                           [](const auto& one) { return !one->receive.in_flight; });
    };
    REQUIRE(world.run_until(are_done));
    for (const auto& connection : connections) {
        world.submit(connection->receive);
    }
    world.run_for(20);
    for (const auto& connection : connections) {
        connection->peer.finish_sending();
    }
    REQUIRE(world.run_until(are_done));
    CHECK(std::all_of(connections.begin(), connections.end(), [](const auto& one) {
        return one->input == "x" && one->receive.bytes == 0;
    }));
    connections.clear();
    world.require_balanced();
}
