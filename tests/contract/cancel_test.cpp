// Cancelling: in time, too late, twice, and while the operation completes.
#include "contract/world.hpp"

#include <random>

using namespace portico;
using namespace portico::test;

TEST_CASE("a cancelled accept completes as aborted, and a later one accepts",
          "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    for (int i = 0; i < 3; ++i) {
        world.submit(accept);
        if (i != 0) {
            world.step(0);
        }
        world.port().cancel(accept);
        CHECK(accept.in_flight);  // not inside cancel() either
        REQUIRE(world.run_until([&] { return !accept.in_flight; }));
        CHECK(accept.error == io::Error::aborted);
        CHECK(accept.accepted == io::invalid_socket);
    }
    Peer peer;
    REQUIRE(peer.connect(world.address()));
    world.complete(accept);
    REQUIRE(accept.error == io::Error::none);
    CHECK(accept.peer == peer.local_address());
    io::close_native(accept.accepted);
    CHECK(accept.completions == 4);
    world.require_balanced();
}

TEST_CASE("a cancel of what wait has handed out does nothing, also to the next operation",
          "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(connection.peer.send_all("word"));
        world.complete(connection.receive);
        world.port().cancel(connection.receive);
        REQUIRE(connection.take());
        connection.part = {as_bytes("answer").data(), 6};
        connection.send.buffers = {&connection.part, 1};
        world.complete(connection.send);
        world.port().cancel(connection.send);
        CHECK(connection.send.error == io::Error::none);
        CHECK(connection.peer.receive_exactly(connection.send.bytes).size() ==
              connection.send.bytes);
    }
    CHECK(connection.receive.completions == 3);
    CHECK(connection.send.completions == 3);
    connection.close();
    world.require_balanced();
}

TEST_CASE("a cancelled receive completes as aborted, and a later one receives",
          "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    for (int i = 0; i < 3; ++i) {
        world.submit(connection.receive);
        if (i != 0) {
            world.step(0);
        }
        world.port().cancel(connection.receive);
        CHECK(connection.receive.in_flight);
        REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
        CHECK(connection.receive.error == io::Error::aborted);
        CHECK(connection.receive.bytes == 0);
        CHECK(connection.receive.buffer.data == nullptr);
    }
    CHECK(world.pool().in_use() == 0);
    world.submit(connection.receive);
    REQUIRE(connection.peer.send_all("after"));
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    REQUIRE(connection.take());
    CHECK(connection.input == "after");
    CHECK(connection.receive.completions == 4);
    connection.close();
    world.require_balanced();
}

TEST_CASE("cancelling twice is cancelling once", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    world.submit(connection.receive);
    world.port().cancel(connection.receive);
    world.port().cancel(connection.receive);
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    CHECK(connection.receive.error == io::Error::aborted);
    world.run_for(5);
    CHECK(connection.receive.completions == 1);
    connection.close();
    world.require_balanced();
}

TEST_CASE("a cancel that comes too late changes nothing", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    REQUIRE(connection.peer.send_all("there already"));
    world.run_for(20);
    world.submit(connection.receive);  // completes in the call or soon
    world.port().cancel(connection.receive);
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    if (connection.receive.error == io::Error::none) {
        REQUIRE(connection.take());
    } else {
        CHECK(connection.receive.error == io::Error::aborted);
    }
    // The request is not remembered for the next one.
    if (connection.input.empty()) {
        REQUIRE(connection.read());
    }
    CHECK(connection.input == "there already");
    world.submit(connection.receive);
    world.run_for(5);
    CHECK(connection.receive.in_flight);
    REQUIRE(connection.peer.send_all("!"));
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    CHECK(connection.take());
    CHECK(connection.input == "there already!");
    connection.close();
    world.require_balanced();
}

TEST_CASE("a send that waits is cancelled", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    std::string chunk;
    std::uint64_t sent = 0;
    connection.fill(chunk, sent);
    world.port().cancel(connection.send);
    CHECK(connection.send.in_flight);
    REQUIRE(world.run_until([&] { return !connection.send.in_flight; }));
    // It may have been partial by then.
    CHECK(
        (connection.send.error == io::Error::aborted || connection.send.error == io::Error::none));
    // The bytes that the system accepted before reach the peer intact, before any that it may have
    // taken from the cancelled send.
    const std::string received = connection.peer.receive_exactly(static_cast<std::size_t>(sent));
    CHECK((received == pattern(0, static_cast<std::size_t>(sent))));
    connection.socket.reset_on_close();
    connection.close();
    world.require_balanced();
}

TEST_CASE("a connect on its way is cancelled", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    // If its backlog is full and nobody accepts, a listener makes further connects wait (Linux), or
    // refuses them (Windows).
    io::Socket full;
    REQUIRE(full.listen(loopback(), 1));
    constexpr std::size_t count = 8;
    std::vector<io::Socket> clients(count);
    std::vector<std::unique_ptr<Tracked<io::ConnectOperation>>> connects;
    for (io::Socket& client : clients) {
        REQUIRE(client.open_for_connect(io::Address::Family::v4));
        REQUIRE(world.port().attach(client));
        connects.push_back(std::make_unique<Tracked<io::ConnectOperation>>(world));
        connects.back()->socket = &client;
        connects.back()->remote = full.local_address();
        world.submit(*connects.back());
    }
    world.run_for(20);
    for (auto& connect : connects) {
        if (connect->in_flight) {
            world.port().cancel(*connect);
        }
    }
    REQUIRE(world.run_until([&] { return world.port().outstanding() == 0; }));
    int aborted = 0;
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(connects[i]->completions == 1);
        const io::Error error = connects[i]->error;
        CHECK((error == io::Error::none || error == io::Error::aborted ||
               error == io::Error::refused));
        aborted += error == io::Error::aborted ? 1 : 0;
        world.port().close(clients[i]);
    }
#ifdef __linux__
    CHECK(aborted >= 1);
#endif
    full.close();
    world.require_balanced();
}

TEST_CASE("a cancel that races data loses no byte", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    const unsigned seed = GENERATE(range(1U, 5U));
    CAPTURE(seed);
    World world(kind, {.buffer_bytes = 256});
    Connection connection(world);
    constexpr std::size_t size = 60'000;
    std::thread writer([&] {
        std::mt19937 random(seed);
        const std::string stream = pattern(0, size);
        for (std::size_t at = 0; at < size;) {
            const std::size_t part = std::min<std::size_t>(1 + random() % 400, size - at);
            if (!connection.peer.send_all(std::string_view(stream).substr(at, part))) {
                return;
            }
            at += part;
            for (auto spin = random() % 3'000; spin > 0; --spin) {
                std::atomic_signal_fence(std::memory_order_seq_cst);
            }
            if (random() % 8 == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(200));
            }
        }
        connection.peer.finish_sending();
    });
    std::mt19937 random(seed + 1'000);
    int cancels = 0;
    bool is_end = false;
    bool is_well = true;
    while (!is_end && is_well) {
        world.submit(connection.receive);
        switch (random() % 4) {
            case 0: world.step(0); break;
            case 1:
                for (auto spin = random() % 5'000; spin > 0; --spin) {
                    std::atomic_signal_fence(std::memory_order_seq_cst);
                }
                break;
            case 2: break;
            default:
                is_well = world.run_until([&] { return !connection.receive.in_flight; });
                break;
        }
        if (connection.receive.in_flight) {
            ++cancels;
            world.port().cancel(connection.receive);
            is_well = world.run_until([&] { return !connection.receive.in_flight; });
        }
        if (connection.receive.error == io::Error::aborted) {
            is_well = is_well && connection.receive.buffer.data == nullptr;
        } else {
            is_well = is_well && connection.receive.error == io::Error::none;
            is_end = is_well && !connection.take();
        }
    }
    writer.join();
    CHECK(is_well);
    CHECK(connection.input.size() == size);
    CHECK((connection.input == pattern(0, size)));
    CHECK(cancels > 0);  // how many come in time depends on the machine
    connection.close();
    world.require_balanced();
}

TEST_CASE("a cancel that races a connection loses no connection", "[contract][cancel]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    constexpr int wanted = 100;
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    const io::Address address = world.address();
    std::atomic<int> connected{0};
    std::thread connector([&] {
        for (int i = 0; i < wanted; ++i) {
            Peer peer;
            connected += peer.connect(address) ? 1 : 0;
        }
    });
    std::mt19937 random(7);
    int accepted = 0;
    const std::uint64_t deadline = world.port().now() + patience_ns;
    while (accepted < wanted && world.port().now() < deadline) {
        world.submit(accept);
        for (auto spin = random() % 20'000; spin > 0; --spin) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        world.port().cancel(accept);
        if (!world.run_until([&] { return !accept.in_flight; })) {
            break;
        }
        if (accept.error == io::Error::none) {
            ++accepted;
            io::close_native(accept.accepted);
        }
    }
    connector.join();
    CHECK(connected == wanted);
    CHECK(accepted == wanted);
    world.require_balanced();
}
