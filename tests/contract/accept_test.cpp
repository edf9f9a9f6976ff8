// Accepting: the peer's address, clients in any order, and the errors of a listener.
#include "contract/world.hpp"

#include <algorithm>

using namespace portico;
using namespace portico::test;

TEST_CASE("an accept hands out the connection and the peer's address", "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    world.submit(accept);
    CHECK(world.port().outstanding() == 1);
    Peer peer;
    REQUIRE(peer.connect(world.address()));
    REQUIRE(world.run_until([&] { return accept.is_done(); }));
    CHECK(accept.error == io::Error::none);
    CHECK(accept.native_error == 0);
    CHECK(accept.peer == peer.local_address());
    io::Socket socket;
    socket.adopt(accept.accepted);
    REQUIRE(world.port().attach(socket));
    CHECK(socket.peer_address() == peer.local_address());
    CHECK(socket.local_address() == world.address());
    world.port().close(socket);
    CHECK(accept.completions == 1);
    world.require_balanced();
}

TEST_CASE("connections that came before the accept are all accepted", "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    constexpr int count = 12;
    std::vector<Peer> peers(count);
    for (Peer& peer : peers) {
        REQUIRE(peer.connect(world.address()));
    }
    std::vector<std::uint16_t> ports;
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    for (int i = 0; i < count; ++i) {
        world.complete(accept);
        REQUIRE(accept.error == io::Error::none);
        ports.push_back(accept.peer.port);
        io::close_native(accept.accepted);
    }
    CHECK(accept.completions == count);
    std::vector<std::uint16_t> expected;
    for (const Peer& peer : peers) {
        expected.push_back(peer.local_address().port);
    }
    std::sort(ports.begin(), ports.end());
    std::sort(expected.begin(), expected.end());
    CHECK(ports == expected);
    world.require_balanced();
}

TEST_CASE("as many accepts as the port allows are in flight on one listener",
          "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    const std::size_t at_once = std::min<std::size_t>(world.port().accepts_max(), 8);
    REQUIRE(at_once >= 1);
    constexpr int wanted = 24;
    int accepted = 0;
    std::vector<std::unique_ptr<Tracked<io::AcceptOperation>>> accepts;
    for (std::size_t i = 0; i < at_once; ++i) {
        accepts.push_back(std::make_unique<Tracked<io::AcceptOperation>>(world));
        auto& accept = *accepts.back();
        accept.listener = &world.listener();
        accept.then = [&world, &accept, &accepted] {
            if (accept.error != io::Error::none) {
                return;
            }
            io::close_native(accept.accepted);
            ++accepted;
            world.submit(accept);
        };
        world.submit(accept);
    }
    std::vector<Peer> peers(wanted);
    for (Peer& peer : peers) {
        REQUIRE(peer.connect(world.address()));
    }
    REQUIRE(world.run_until([&] { return accepted == wanted; }));
    for (auto& accept : accepts) {
        world.port().cancel(*accept);
    }
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    for (auto& accept : accepts) {
        CHECK(accept->error == io::Error::aborted);
    }
    world.require_balanced();
}

TEST_CASE("an accept at once is complete in the call or comes out of wait, never both",
          "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    constexpr int wanted = 24;
    std::vector<Peer> peers(wanted);
    for (Peer& peer : peers) {
        REQUIRE(peer.connect(world.address()));
    }
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    for (int accepted = 0; accepted < wanted; ++accepted) {
        const int before = accept.completions;
        const std::size_t outstanding = world.port().outstanding();
        if (world.port().accept_at_once(accept)) {
            CHECK(world.port().outstanding() == outstanding);
            world.step(0);
            CHECK(accept.completions == before);
        } else {
            REQUIRE(world.run_until([&] { return !accept.in_flight; }));
            CHECK(accept.completions == before + 1);
        }
        CHECK_FALSE(accept.in_flight);
        REQUIRE(accept.error == io::Error::none);
        io::close_native(accept.accepted);
    }
    // Without a client it waits like any accept, and can be cancelled.
    if (world.port().accept_at_once(accept)) {
        FAIL("there is no client");
    }
    world.port().cancel(accept);
    REQUIRE(world.run_until([&] { return !accept.in_flight; }));
    CHECK(accept.error == io::Error::aborted);
    world.require_balanced();
}

TEST_CASE("an accept that is cancelled while its client is on the way ends aborted or with it",
          "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind, {.batch = 1});  // what else has completed stays in the port
    Connection connection(world);
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    world.submit(connection.receive);
    world.submit(accept);
    world.run_for(20);
    REQUIRE(connection.peer.send_all("x"));
    Peer client;
    REQUIRE(client.connect(world.address()));
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight || !accept.in_flight; }));
    if (accept.in_flight) {
        world.port().cancel(accept);
    }
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight && !accept.in_flight; }));
    CHECK(accept.completions == 1);
    if (accept.error == io::Error::none) {
        io::Socket accepted;
        accepted.adopt(accept.accepted);
        CHECK(io::to_string(accepted.peer_address()) == io::to_string(accept.peer));
    } else {
        CHECK(accept.error == io::Error::aborted);
        CHECK(accept.accepted == io::invalid_socket);
    }
    REQUIRE(connection.take());
    connection.close();
    world.require_balanced();
}

TEST_CASE("a peer that resets in the backlog does not end the listener", "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    for (int i = 0; i < 5; ++i) {
        Peer gone;
        REQUIRE(gone.connect(world.address()));
        gone.abort();
    }
    Peer peer;
    REQUIRE(peer.connect(world.address()));
    // Some systems hand out the dead connections, some return an error for each, some skip them.
    for (int i = 0; i < 20; ++i) {
        world.complete(accept);
        if (accept.error != io::Error::none) {
            continue;
        }
        const bool is_live = accept.peer == peer.local_address();
        io::close_native(accept.accepted);
        if (is_live) {
            break;
        }
    }
    CHECK(accept.peer == peer.local_address());
    world.require_balanced();
}

TEST_CASE("a listener says why it cannot listen", "[contract][accept]") {
    const PortCase& kind = SINGLE_PORT();
    INFO(kind.name);
    World world(kind);

    SECTION("somebody else listens there") {
        const io::Address taken = world.address();
        io::Socket second;
        const auto result = second.listen(taken, 16);
        REQUIRE_FALSE(result);
        CHECK_FALSE(second.is_open());
        INFO(result.error());
        CHECK(result.error().find(io::to_string(taken)) != std::string::npos);
    }
    SECTION("not an address of this machine") {
        io::Address foreign = loopback();
        foreign.bytes = {192, 0, 2, 1};  // RFC 5737: for documentation
        io::Socket listener;
        const auto result = listener.listen(foreign, 16);
        REQUIRE_FALSE(result);
        CHECK_FALSE(listener.is_open());
        INFO(result.error());
        CHECK(result.error().find("192.0.2.1:0") != std::string::npos);
    }
    SECTION("a port is free again when its listener is closed") {
        const io::Address address = world.address();
        Connection connection(world);  // an old connection does not keep the port
        world.port().close(world.listener());
        io::Socket again;
        const auto result = again.listen(address, 16);
        INFO(result.error());
        CHECK(result);
        again.close();
    }
}

TEST_CASE("IPv6 loopback", "[contract][accept]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    io::Address address;
    address.family = io::Address::Family::v6;
    address.bytes[15] = 1;
    io::Socket listener;
    if (const auto listening = listener.listen(address, 16); !listening) {
        WARN("no IPv6 here: " << listening.error());
        return;
    }
    REQUIRE(world.port().attach(listener));
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &listener;
    world.submit(accept);
    Tracked<io::ConnectOperation> connect(world);
    io::Socket client;
    REQUIRE(client.open_for_connect(io::Address::Family::v6));
    REQUIRE(world.port().attach(client));
    connect.socket = &client;
    connect.remote = listener.local_address();
    world.submit(connect);
    REQUIRE(world.run_until([&] { return accept.is_done() && connect.is_done(); }));
    REQUIRE(accept.error == io::Error::none);
    REQUIRE(connect.error == io::Error::none);
    CHECK(accept.peer == client.local_address());
    CHECK(io::to_string(client.peer_address()) ==
          "[::1]:" + std::to_string(listener.local_address().port));
    io::close_native(accept.accepted);
    world.port().close(client);
    world.port().close(listener);
    world.require_balanced();
}
