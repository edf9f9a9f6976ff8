// Receiving: every byte in order, and the end of the stream.
#include "contract/world.hpp"

#include <algorithm>
#include <random>

using namespace portico;
using namespace portico::test;

TEST_CASE("a receive completes with what the peer sends", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);

    SECTION("submitted first") {
        world.submit(connection.receive);
        CHECK(world.step(0) == 0);
        CHECK(world.port().outstanding() == 1);
        REQUIRE(connection.peer.send_all("hello"));
        REQUIRE(world.run_until([&] { return connection.receive.is_done(); }));
        REQUIRE(connection.take());
    }
    SECTION("sent first") {
        REQUIRE(connection.peer.send_all("hello"));
        // By now an edge may have come and gone: the bytes must still be found.
        world.run_for(20);
        REQUIRE(connection.read());
    }
    CHECK(connection.input == "hello");
    CHECK(connection.receive.completions == 1);
    CHECK(world.pool().in_use() == 0);
    connection.close();
    world.require_balanced();
}

TEST_CASE("what came before the socket joined the port is received", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Peer peer;
    REQUIRE(peer.connect(world.address()));
    REQUIRE(peer.send_all("early"));
    peer.finish_sending();
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    world.complete(accept);
    io::Socket socket;
    socket.adopt(accept.accepted);
    REQUIRE(world.port().attach(socket));
    Tracked<io::ReceiveOperation> receive(world);
    receive.socket = &socket;
    world.complete(receive);
    REQUIRE(receive.bytes == 5);
    CHECK(std::string(reinterpret_cast<const char*>(receive.buffer.data), 5) == "early");
    world.pool().give_back(std::exchange(receive.buffer, {}));
    world.complete(receive);
    CHECK(receive.error == io::Error::none);
    CHECK(receive.bytes == 0);
    world.port().close(socket);
    world.require_balanced();
}

TEST_CASE("full buffers are followed by the rest", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffer_bytes = 64});
    Connection connection(world);
    // Tests exact multiples and their neighbours: a full buffer does not show how much is left.
    std::uint64_t offset = 0;
    for (const std::size_t size : {64U, 128U, 640U, 63U, 65U, 1U, 6'400U}) {
        connection.input.clear();
        REQUIRE(connection.peer.send_all(pattern(offset, size)));
        connection.read_until(size);
        CHECK(connection.input == pattern(offset, size));
        offset += size;
    }
    connection.peer.finish_sending();
    CHECK_FALSE(connection.read());
    CHECK(connection.receive.error == io::Error::none);
    connection.close();
    world.require_balanced();
}

TEST_CASE("what comes behind urgent data is received", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    // Linux ends a read at the mark of urgent data, so this one is short though more is there, and
    // no edge will follow.
    REQUIRE(connection.peer.send_all("before"));
    REQUIRE(connection.peer.send_urgent('!'));
    REQUIRE(connection.peer.send_all("behind"));
    world.run_for(20);
    connection.read_until(12);
    CHECK(connection.input == "beforebehind");
    SECTION("and the end") {
        connection.peer.finish_sending();
        CHECK_FALSE(connection.read());
        CHECK(connection.receive.error == io::Error::none);
    }
    SECTION("and more of it, met by a receive that waits") {
        for (int i = 0; i < 3; ++i) {
            world.submit(connection.receive);
            REQUIRE(connection.peer.send_urgent('!'));
            REQUIRE(connection.peer.send_all("!"));
            REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
            REQUIRE(connection.take());
        }
        CHECK(connection.input == "beforebehind!!!");
    }
    connection.close();
    world.require_balanced();
}

TEST_CASE("one byte at a time", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.batch = 1});
    Connection connection(world);
    for (std::uint64_t i = 0; i < 500; ++i) {
        world.submit(connection.receive);
        REQUIRE(connection.peer.send_all(pattern(i, 1)));
        REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
        REQUIRE(connection.receive.bytes == 1);
        REQUIRE(connection.take());
    }
    CHECK(connection.input == pattern(0, 500));
    CHECK(connection.receive.completions == 500);
    connection.close();
    world.require_balanced();
}

TEST_CASE("buffers of one byte", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffer_bytes = 1});
    Connection connection(world);
    REQUIRE(connection.peer.send_all(pattern(0, 300)));
    connection.read_until(300);
    CHECK(connection.input == pattern(0, 300));
    connection.peer.finish_sending();
    CHECK_FALSE(connection.read());
    CHECK(connection.receive.error == io::Error::none);
    connection.close();
    world.require_balanced();
}

TEST_CASE("the end of the stream is 0 bytes without an error, again and again",
          "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);

    SECTION("the receive waits") {
        world.submit(connection.receive);
        world.step(0);
        connection.peer.finish_sending();
        REQUIRE(world.run_until([&] { return connection.receive.is_done(); }));
    }
    SECTION("the end came before the receive") {
        connection.peer.finish_sending();
        world.run_for(20);
        world.complete(connection.receive);
    }
    SECTION("behind data") {
        REQUIRE(connection.peer.send_all("last"));
        connection.peer.close();
        REQUIRE(connection.read());
        CHECK(connection.input == "last");
        world.complete(connection.receive);
    }
    SECTION("behind data, while nobody receives") {
        REQUIRE(connection.peer.send_all("last"));
        connection.peer.finish_sending();
        world.run_for(20);
        REQUIRE(connection.read());
        CHECK(connection.input == "last");
        world.run_for(20);
        world.complete(connection.receive);
    }
    for (int i = 0; i < 2; ++i) {
        CHECK(connection.receive.error == io::Error::none);
        CHECK(connection.receive.bytes == 0);
        CHECK(connection.receive.buffer.data == nullptr);
        world.complete(connection.receive);
    }
    connection.close();
    world.require_balanced();
}

TEST_CASE("a peer's reset ends the receive that waits", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    world.submit(connection.receive);
    world.step(0);
    connection.peer.abort();
    REQUIRE(world.run_until([&] { return connection.receive.is_done(); }));
    CHECK(connection.receive.error == io::Error::reset);
    CHECK(connection.receive.native_error != 0);
    CHECK(connection.receive.bytes == 0);
    CHECK(connection.receive.buffer.data == nullptr);
    connection.close();
    world.require_balanced();
}

TEST_CASE("a reset that came before the receive ends it at once", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.peer.abort();
    world.run_for(20);
    world.complete(connection.receive);
    if (!is_wine()) {  // Wine reports it as the end of the stream
        CHECK(connection.receive.error == io::Error::reset);
    }
    CHECK(connection.receive.buffer.data == nullptr);
    world.complete(connection.receive);
    CHECK(connection.receive.bytes == 0);
    connection.close();
    world.require_balanced();
}

TEST_CASE("a peer that floods while nobody receives loses nothing", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    constexpr std::size_t size = 6 << 20;
    const std::string stream = pattern(0, size);
    std::atomic<bool> is_sent{false};
    std::thread flood([&] {
        is_sent = connection.peer.send_all(stream);
        connection.peer.finish_sending();
    });
    std::mt19937 random(1);
    // Receive in bursts with pauses between, in which the port runs and the peer fills the system's
    // buffers.
    std::size_t paused_in_use_max = 0;
    bool is_end = false;
    while (!is_end) {
        world.step(world.port().now() + base::nanoseconds_per_millisecond);
        paused_in_use_max = std::max<std::size_t>(paused_in_use_max, world.pool().in_use());
        for (auto burst = random() % 400; burst > 0 && !is_end; --burst) {
            world.submit(connection.receive);
            if (!world.run_until([&] { return !connection.receive.in_flight; })) {
                break;
            }
            is_end = !connection.take();
        }
    }
    flood.join();
    CHECK(is_sent);
    CHECK(connection.receive.error == io::Error::none);
    CHECK(connection.input.size() == size);
    CHECK((connection.input == stream));
    // A backend may park this much for a connection without a receive, and read ahead of a stream.
    CHECK(paused_in_use_max <= 1 + world.pool().buffers_max() / 16);
    connection.close();
    world.require_balanced();
}

TEST_CASE("streams that nobody reads on hold a share of the pool at most", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffers = 512});
    constexpr std::size_t count = 6;
    constexpr std::size_t size = 2 << 20;
    const std::string stream = pattern(0, size);
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<std::thread> floods;
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
        floods.emplace_back([&stream, &peer = connections.back()->peer] {
            static_cast<void>(peer.send_all(stream));
        });
    }
    // Each reads a part in its own time, and then pauses at that point.
    const std::size_t read_each = GENERATE(as<std::size_t>{}, 1, 500'000, 1'000'000);
    CAPTURE(read_each);
    bool is_well = true;
    for (auto& connection : connections) {
        connection->receive.then = [&world, &is_well, read_each, &its = *connection] {
            is_well = its.take() && is_well;
            if (its.input.size() < read_each) {
                world.submit(its.receive);
            }
        };
        world.submit(connection->receive);
    }
    const auto all_paused = [&] {
        return std::all_of(connections.begin(), connections.end(),
                           [](const auto& each) { return !each->receive.in_flight; });
    };
    CHECK(world.run_until(all_paused));
    world.run_for(20);
    CHECK(is_well);
    CHECK(world.pool().in_use() <= count + world.pool().buffers_max() / 16);
    // Half of them end there; the others go on.
    for (std::size_t i = 0; i < count / 2; ++i) {
        connections[i]->receive.then = nullptr;
        connections[i]->close();
    }
    for (std::size_t i = count / 2; i < count; ++i) {
        connections[i]->receive.then = nullptr;
        connections[i]->read_until(size);
        CHECK((connections[i]->input == stream));
    }
    for (std::thread& flood : floods) {
        flood.join();
    }
    for (std::size_t i = count / 2; i < count; ++i) {
        connections[i]->close();
    }
    world.require_balanced();
}

TEST_CASE("what comes in pieces while nobody receives is all there, in order, before the end",
          "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.buffer_bytes = 256});
    Connection connection(world);
    // A first receive, after which a backend may go on receiving by itself.
    REQUIRE(connection.peer.send_all("first"));
    REQUIRE(connection.read());
    const std::size_t pieces = GENERATE(as<std::size_t>{}, 1, 3, 20, 200);
    CAPTURE(pieces);
    std::string expected = "first";
    std::size_t in_use_max = 0;
    for (std::size_t i = 0; i < pieces; ++i) {
        const std::string piece = pattern(i, 1 + i * 7 % 40);
        REQUIRE(connection.peer.send_all(piece));
        expected += piece;
        world.step(0);
        in_use_max = std::max<std::size_t>(in_use_max, world.pool().in_use());
    }
    CHECK(in_use_max <= 1);

    SECTION("and goes on") {
        connection.read_until(expected.size());
        CHECK((connection.input == expected));
        world.submit(connection.receive);
        REQUIRE(connection.peer.send_all("more"));
        REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
        REQUIRE(connection.take());
        CHECK((connection.input == expected + "more"));
    }
    SECTION("and ends") {
        connection.peer.finish_sending();
        world.run_for(5);
        connection.read_until(expected.size());
        CHECK((connection.input == expected));
        CHECK_FALSE(connection.read());
        CHECK(connection.receive.error == io::Error::none);
    }
    SECTION("and is reset") {
        connection.peer.abort();
        world.run_for(5);
        // The system decides how much of it is left, but it is the beginning, and the reset is
        // reported.
        while (connection.read()) {
        }
        CHECK(expected.compare(0, connection.input.size(), connection.input) == 0);
        if (!is_wine()) {
            CHECK(connection.receive.error == io::Error::reset);
        }
    }
    SECTION("and nobody ever takes it") {
        connection.close();
    }
    connection.close();
    world.require_balanced();
}

TEST_CASE("many connections, each receives its own", "[contract][receive]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 3, 64);
    CAPTURE(batch);
    World world(kind, {.batch = batch});
    constexpr std::size_t count = 50;
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::size_t i = 0; i < count; ++i) {
        connections.push_back(std::make_unique<Connection>(world));
    }
    for (int round = 0; round < 5; ++round) {
        for (auto& connection : connections) {
            world.submit(connection->receive);
        }
        for (std::size_t i = 0; i < count; ++i) {
            REQUIRE(connections[i]->peer.send_all("to " + std::to_string(i) + ";"));
        }
        REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(connections[i]->receive.completions == round + 1);
            REQUIRE(connections[i]->take());
            CHECK(connections[i]->input == "to " + std::to_string(i) + ";");
            connections[i]->input.clear();
        }
    }
    connections.clear();
    world.require_balanced();
}
