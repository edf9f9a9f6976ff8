// Connecting: to a listener, to a port without one, and from a given address.
#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

TEST_CASE("a connect reaches a listener, and both ends talk", "[contract][connect]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    const bool is_bound = GENERATE(false, true);
    CAPTURE(is_bound);
    io::Socket client;
    REQUIRE(
        client.open_for_connect(io::Address::Family::v4, is_bound ? loopback() : io::Address{}));
    REQUIRE(world.port().attach(client));
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    Tracked<io::ConnectOperation> connect(world);
    connect.socket = &client;
    connect.remote = world.address();
    world.submit(accept);
    world.submit(connect);
    REQUIRE(world.run_until([&] { return accept.is_done() && connect.is_done(); }));
    REQUIRE(connect.error == io::Error::none);
    REQUIRE(accept.error == io::Error::none);
    io::Socket server;
    server.adopt(accept.accepted);
    REQUIRE(world.port().attach(server));
    CHECK(accept.peer == client.local_address());
    CHECK(client.peer_address() == world.address());
    CHECK(server.local_address() == client.peer_address());

    Tracked<io::ReceiveOperation> receive(world);
    Tracked<io::SendOperation> send(world);
    io::ConstBuffer part{as_bytes("over").data(), 4};
    send.buffers = {&part, 1};
    for (auto [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
        receive.socket = to;
        send.socket = from;
        world.submit(receive);
        world.complete(send);
        CHECK(send.error == io::Error::none);
        CHECK(send.bytes == 4);
        REQUIRE(world.run_until([&] { return !receive.in_flight; }));
        REQUIRE(receive.bytes == 4);
        CHECK(std::string(reinterpret_cast<const char*>(receive.buffer.data), 4) == "over");
        world.pool().give_back(std::exchange(receive.buffer, {}));
    }
    world.port().close(client);
    world.port().close(server);
    world.require_balanced();
}

TEST_CASE("a connected socket moves to another place, with what has come for it",
          "[contract][connect]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    io::Socket first;
    REQUIRE(first.open_for_connect(io::Address::Family::v4));
    REQUIRE(world.port().attach(first));
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    Tracked<io::ConnectOperation> connect(world);
    connect.socket = &first;
    connect.remote = world.address();
    world.submit(accept);
    world.submit(connect);
    REQUIRE(world.run_until([&] { return accept.is_done() && connect.is_done(); }));
    REQUIRE(connect.error == io::Error::none);
    io::Socket server;
    server.adopt(accept.accepted);
    REQUIRE(world.port().attach(server));
    Tracked<io::ReceiveOperation> receive(world);
    Tracked<io::SendOperation> send(world);
    io::ConstBuffer part{as_bytes("over").data(), 4};
    send.buffers = {&part, 1};
    const bool comes_before = GENERATE(false, true);
    CAPTURE(comes_before);
    send.socket = &server;
    if (comes_before) {
        world.complete(send);
    }
    const io::Address local = first.local_address();

    io::Socket second;
    world.port().move(first, second);
    CHECK_FALSE(first.is_open());
    REQUIRE(second.is_open());
    CHECK(second.local_address() == local);
    receive.socket = &second;
    world.submit(receive);
    if (!comes_before) {
        world.complete(send);
    }
    REQUIRE(world.run_until([&] { return !receive.in_flight; }));
    REQUIRE(receive.error == io::Error::none);
    REQUIRE(receive.bytes == 4);
    world.pool().give_back(std::exchange(receive.buffer, {}));
    send.socket = &second;
    world.complete(send);
    CHECK(send.error == io::Error::none);

    // The place that it left can have another one.
    REQUIRE(first.open_for_connect(io::Address::Family::v4));
    REQUIRE(world.port().attach(first));
    world.port().close(first);
    world.port().close(second);
    world.port().close(server);
    world.require_balanced();
}

TEST_CASE("a connect where nobody listens is refused", "[contract][connect]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    // Bound and not listening: the port stays taken, so that nobody else can listen there.
    io::Socket nobody;
    REQUIRE(nobody.open_for_connect(io::Address::Family::v4, loopback()));
    for (int i = 0; i < 3; ++i) {
        io::Socket client;
        REQUIRE(client.open_for_connect(io::Address::Family::v4));
        REQUIRE(world.port().attach(client));
        Tracked<io::ConnectOperation> connect(world);
        connect.socket = &client;
        connect.remote = nobody.local_address();
        world.complete(connect);
        CHECK(connect.error == io::Error::refused);
        CHECK(connect.native_error != 0);
        CHECK(connect.completions == 1);
        world.port().close(client);
    }
    nobody.close();
    world.require_balanced();
}

TEST_CASE("a socket that is bound to a foreign address cannot be opened", "[contract][connect]") {
    io::Address foreign = loopback();
    foreign.bytes = {192, 0, 2, 1};
    io::Socket client;
    const auto result = client.open_for_connect(io::Address::Family::v4, foreign);
    REQUIRE_FALSE(result);
    CHECK_FALSE(client.is_open());
    CHECK(result.error().find("192.0.2.1") != std::string::npos);
    const auto from = client.open_for_connect_from(foreign);
    REQUIRE_FALSE(from);
    CHECK_FALSE(client.is_open());
    CHECK(from.error().find("192.0.2.1") != std::string::npos);
}

TEST_CASE("a connect from a given address comes from there, whatever ports its neighbours use",
          "[contract][connect]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    io::Address source = loopback();
    source.port = 1;  // ignored
    std::vector<io::Socket> clients(3);
    for (io::Socket& client : clients) {
        REQUIRE(client.open_for_connect_from(source));
        REQUIRE(world.port().attach(client));
        Tracked<io::AcceptOperation> accept(world);
        accept.listener = &world.listener();
        Tracked<io::ConnectOperation> connect(world);
        connect.socket = &client;
        connect.remote = world.address();
        world.submit(accept);
        world.submit(connect);
        REQUIRE(world.run_until([&] { return accept.is_done() && connect.is_done(); }));
        REQUIRE(connect.error == io::Error::none);
        REQUIRE(accept.error == io::Error::none);
        CHECK(accept.peer.bytes == source.bytes);
        CHECK(accept.peer.port > 1);
        CHECK(accept.peer == client.local_address());
        io::close_native(accept.accepted);
    }
    for (io::Socket& client : clients) {
        world.port().close(client);
    }
    world.require_balanced();
}

TEST_CASE("many connects are in flight at once", "[contract][connect]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    constexpr int count = 40;
    std::vector<io::Socket> clients(count);
    std::vector<std::unique_ptr<Tracked<io::ConnectOperation>>> connects;
    for (io::Socket& client : clients) {
        REQUIRE(client.open_for_connect(io::Address::Family::v4));
        REQUIRE(world.port().attach(client));
        connects.push_back(std::make_unique<Tracked<io::ConnectOperation>>(world));
        connects.back()->socket = &client;
        connects.back()->remote = world.address();
        world.submit(*connects.back());
    }
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    for (int i = 0; i < count; ++i) {
        world.complete(accept);
        REQUIRE(accept.error == io::Error::none);
        io::close_native(accept.accepted);
    }
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    for (int i = 0; i < count; ++i) {
        CHECK(connects[static_cast<std::size_t>(i)]->error == io::Error::none);
        CHECK(connects[static_cast<std::size_t>(i)]->completions == 1);
        world.port().close(clients[static_cast<std::size_t>(i)]);
    }
    world.require_balanced();
}
