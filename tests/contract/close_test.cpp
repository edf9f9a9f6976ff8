// The end of a connection: in order, by reset, and in one direction only.
#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

TEST_CASE("a close ends the stream in order", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.write("good bye");
    connection.close();
    CHECK_FALSE(connection.socket.is_open());
    CHECK(connection.peer.receive_exactly(8) == "good bye");
    char room[1];
    CHECK(connection.peer.receive(room).outcome == Peer::Outcome::end);
    world.require_balanced();
}

TEST_CASE("reset_on_close makes the peer see a reset", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    Peer::Received seen;
    std::thread reader([&] {
        char room[16];
        seen = connection.peer.receive(room);
    });
    connection.socket.reset_on_close();
    connection.close();
    reader.join();
    // Wine's recv reports a reset that came before the call as the end of the stream.
    CHECK((seen.outcome == Peer::Outcome::reset ||
           (is_wine() && seen.outcome == Peer::Outcome::end)));
    world.require_balanced();
}

TEST_CASE("a close behind a receive is seen by the peer without a further wait",
          "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    const bool is_reset = GENERATE(false, true);
    CAPTURE(is_reset);
    Connection connection(world);
    REQUIRE(connection.peer.send_all("hello"));
    REQUIRE(connection.read());
    // A backend may still be receiving on its own: that must not keep the connection open.
    if (is_reset) {
        connection.socket.reset_on_close();
    }
    connection.close();
    char room[1];
    const Peer::Outcome seen = connection.peer.receive(room).outcome;
    CHECK((seen == (is_reset ? Peer::Outcome::reset : Peer::Outcome::end) ||
           (is_wine() && seen == Peer::Outcome::end)));
    world.require_balanced();
}

TEST_CASE("a listener that has accepted is closed at once", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    const io::Address address = world.address();
    // Connections that nobody will accept: they end with the listener.
    std::vector<Peer> waiting(3);
    for (Peer& peer : waiting) {
        REQUIRE(peer.connect(address));
    }
    world.step(0);
    world.port().close(world.listener());
    for (Peer& peer : waiting) {
        char room[1];
        const Peer::Outcome seen = peer.receive(room).outcome;
        CHECK((seen == Peer::Outcome::reset || seen == Peer::Outcome::end));
    }
    io::Socket again;
    const auto listening = again.listen(address, 16);
    INFO(listening.error());
    CHECK(listening);
    again.close();
    connection.write("still here");
    CHECK(connection.peer.receive_exactly(10) == "still here");
    connection.close();
    world.require_balanced();
}

TEST_CASE("half-close: the peer ends first, and still receives", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    REQUIRE(connection.peer.send_all("question"));
    connection.peer.finish_sending();
    connection.read_until(8);
    CHECK_FALSE(connection.read());
    CHECK(connection.receive.error == io::Error::none);
    const std::string answer = pattern(0, 300'000);
    std::string received;
    std::thread reader([&] { received = connection.peer.receive_exactly(answer.size()); });
    connection.write(answer);
    reader.join();
    CHECK((received == answer));
    CHECK(connection.socket.shutdown_send());
    char room[1];
    CHECK(connection.peer.receive(room).outcome == Peer::Outcome::end);
    connection.close();
    world.require_balanced();
}

TEST_CASE("half-close: this side ends first, and still receives", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.write("that is all");
    world.submit(connection.receive);
    CHECK(connection.socket.shutdown_send());
    CHECK(connection.peer.receive_exactly(100) == "that is all");
    world.run_for(10);
    CHECK(connection.receive.in_flight);  // its own end of stream completes no receive
    const std::string stream = pattern(0, 300'000);
    std::thread writer([&] {
        connection.peer.send_all(stream);
        connection.peer.close();
    });
    bool is_well = world.run_until([&] { return !connection.receive.in_flight; });
    while (is_well && connection.take()) {
        world.submit(connection.receive);
        is_well = world.run_until([&] { return !connection.receive.in_flight; });
    }
    writer.join();
    CHECK(is_well);
    CHECK(connection.receive.error == io::Error::none);
    CHECK((connection.input == stream));
    connection.close();
    world.require_balanced();
}

TEST_CASE("unread and unacknowledged bytes are counted where the system can", "[contract][close]") {
    const PortCase& kind = SINGLE_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    REQUIRE(connection.peer.send_all("12345"));
    CHECK(eventually([&] { return connection.socket.unread_bytes() == 5; }));
    connection.write("678");
    CHECK(connection.peer.receive_exactly(3) == "678");
    CHECK(eventually([&] { return connection.socket.unacknowledged_bytes().value_or(0) == 0; }));
    connection.close();
    world.require_balanced();
}

TEST_CASE("one Socket object serves one connection after the other", "[contract][close]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    io::Socket socket;
    Tracked<io::AcceptOperation> accept(world);
    Tracked<io::ReceiveOperation> receive(world);
    accept.listener = &world.listener();
    receive.socket = &socket;
    for (int i = 0; i < 100; ++i) {
        Peer peer;
        REQUIRE(peer.connect(world.address()));
        world.complete(accept);
        REQUIRE(accept.error == io::Error::none);
        socket.adopt(accept.accepted);
        REQUIRE(world.port().attach(socket));
        // Every kind of leftover that the next connection must not see.
        switch (i % 4) {
            case 0: REQUIRE(peer.send_all("unread")); break;
            case 1: peer.finish_sending(); break;
            case 2: peer.abort(); break;
            default: break;
        }
        if (i % 8 >= 4) {
            world.step(0);
        }
        if (i % 4 == 3) {
            world.submit(receive);
            CHECK(world.step(0) == 0);
            REQUIRE(peer.send_all("x"));
            REQUIRE(world.run_until([&] { return !receive.in_flight; }));
            REQUIRE(receive.error == io::Error::none);
            REQUIRE(receive.bytes == 1);
            world.pool().give_back(std::exchange(receive.buffer, {}));
        }
        world.port().close(socket);
    }
    CHECK(receive.completions == 25);
    world.require_balanced();
}
