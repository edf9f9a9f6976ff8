// Sending: every byte in order, in one call or gathered, to fast, slow and closed readers.
#include "contract/world.hpp"

#include <array>
#include <random>

using namespace portico;
using namespace portico::test;

TEST_CASE("a send reaches the peer", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.write("hello");
    CHECK(connection.send.completions == 1);
    CHECK(connection.peer.receive_exactly(5) == "hello");
    connection.close();
    world.require_balanced();
}

TEST_CASE("many megabytes to a slow reader arrive byte by byte", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    constexpr std::size_t size = 8 << 20;
    constexpr std::size_t chunk_max = 512 * 1'024;
    std::string received;
    std::thread reader([&] {
        std::mt19937 random(2);
        std::string room(200'000, '\0');
        while (received.size() < size) {
            const auto part = connection.peer.receive(
                std::span(room).first(1 + random() % room.size()));
            if (part.outcome != Peer::Outcome::data) {
                return;
            }
            received.append(room, 0, part.bytes);
            if (random() % 16 == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(500));
            }
        }
    });
    const std::string stream = pattern(0, size);
    std::size_t sent = 0;
    bool is_well = true;
    while (sent < size && is_well) {
        const std::size_t chunk = std::min(chunk_max, size - sent);
        connection.part = {as_bytes(stream).data() + sent, chunk};
        connection.send.buffers = {&connection.part, 1};
        world.submit(connection.send);
        is_well = world.run_until([&] { return !connection.send.in_flight; }) &&
                  connection.send.error == io::Error::none && connection.send.bytes >= 1 &&
                  connection.send.bytes <= chunk;
        sent += connection.send.bytes;
    }
    reader.join();
    CHECK(is_well);
    CHECK(received.size() == size);
    CHECK((received == stream));
    connection.close();
    world.require_balanced();
}

TEST_CASE("a send at once is complete in the call or comes out of wait, never both",
          "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    constexpr std::size_t size = 4 << 20;
    const std::string stream = pattern(0, size);
    std::string received;
    std::thread reader([&] { received = connection.peer.receive_exactly(size); });
    std::size_t sent = 0;
    bool is_well = true;
    while (sent < size && is_well) {
        connection.part = {as_bytes(stream).data() + sent,
                           std::min<std::size_t>(100'000, size - sent)};
        connection.send.buffers = {&connection.part, 1};
        const int before = connection.send.completions;
        const std::size_t outstanding = world.port().outstanding();
        if (world.port().send_at_once(connection.send)) {
            is_well = !connection.send.in_flight && world.port().outstanding() == outstanding;
            world.step(0);
            is_well = is_well && connection.send.completions == before;
        } else {
            is_well = world.run_until([&] { return !connection.send.in_flight; }) &&
                      connection.send.completions == before + 1;
        }
        is_well = is_well && connection.send.error == io::Error::none && connection.send.bytes >= 1;
        sent += connection.send.bytes;
    }
    reader.join();
    CHECK(is_well);
    CHECK((received == stream));
    connection.close();
    world.require_balanced();
}

TEST_CASE("a gathered send keeps the order of its 64 buffers", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    const std::size_t scale = GENERATE(as<std::size_t>{}, 1, 20'000);
    CAPTURE(scale);
    std::mt19937 random(3);
    std::vector<std::size_t> sizes(io::SendOperation::buffers_max);
    std::size_t size = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        sizes[i] = i % 7 == 3 ? 0 : 1 + random() % (8 * scale);  // empty ones are allowed
        size += sizes[i];
    }
    const std::string stream = pattern(0, size);
    std::string received;
    std::thread reader([&] { received = connection.peer.receive_exactly(size); });
    std::size_t sent = 0;
    bool is_well = true;
    while (sent < size && is_well) {
        // The rest of each buffer, as the send queue will pass it.
        std::array<io::ConstBuffer, io::SendOperation::buffers_max> parts;
        std::size_t begin = 0;
        std::size_t used = 0;
        for (const std::size_t each : sizes) {
            const std::size_t end = begin + each;
            if (end > sent || sent == 0) {
                const std::size_t from = std::max(begin, sent);
                parts[used++] = {as_bytes(stream).data() + from, end - from};
            }
            begin = end;
        }
        connection.send.buffers = {parts.data(), used};
        world.submit(connection.send);
        is_well = world.run_until([&] { return !connection.send.in_flight; }) &&
                  connection.send.error == io::Error::none && connection.send.bytes >= 1 &&
                  connection.send.bytes <= size - sent;
        sent += connection.send.bytes;
    }
    reader.join();
    CHECK(is_well);
    CHECK((received == stream));
    connection.close();
    world.require_balanced();
}

TEST_CASE("a receive and a send are in flight at once and do not wait for each other",
          "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    world.submit(connection.receive);
    std::string chunk;
    std::uint64_t sent = 0;
    connection.fill(chunk, sent);
    REQUIRE(connection.receive.in_flight);

    REQUIRE(connection.peer.send_all("while it waits"));
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    REQUIRE(connection.take());
    CHECK(connection.input == "while it waits");
    CHECK(connection.send.in_flight);

    world.submit(connection.receive);
    std::string received;
    std::thread reader([&] {
        received = connection.peer.receive_exactly(static_cast<std::size_t>(sent) + chunk.size());
    });
    const bool is_well = world.run_until([&] { return !connection.send.in_flight; });
    // The rest of the chunk, if the send was partial.
    std::string_view rest = std::string_view(chunk).substr(is_well ? connection.send.bytes : 0);
    if (is_well) {
        connection.write(rest);
    }
    reader.join();
    CHECK(is_well);
    CHECK(received.size() == sent + chunk.size());
    CHECK((received == pattern(0, static_cast<std::size_t>(sent) + chunk.size())));
    CHECK(connection.receive.in_flight);
    world.port().cancel(connection.receive);
    REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
    connection.close();
    world.require_balanced();
}

TEST_CASE("a stream goes both ways at once", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 32 * 1'024, 32 * 1'024);
    constexpr std::size_t size = 2 << 20;
    const std::string stream = pattern(0, size);
    // An echo: sends back what has come before it receives more.
    io::ConstBuffer rest;
    bool is_end = false;
    auto& receive = connection.receive;
    auto& send = connection.send;
    receive.then = [&] {
        if (receive.error != io::Error::none || receive.bytes == 0) {
            is_end = true;
            return;
        }
        rest = {receive.buffer.data, receive.bytes};
        send.buffers = {&rest, 1};
        world.submit(send);
    };
    send.then = [&] {
        if (send.error != io::Error::none) {
            is_end = true;
            return;
        }
        rest = {rest.data + send.bytes, rest.size - send.bytes};
        if (rest.size != 0) {
            world.submit(send);
            return;
        }
        world.pool().give_back(std::exchange(receive.buffer, {}));
        world.submit(receive);
    };
    world.submit(receive);
    std::thread writer([&] {
        connection.peer.send_all(stream);
        connection.peer.finish_sending();
    });
    std::string received;
    std::thread reader([&] { received = connection.peer.receive_exactly(size); });
    const bool is_well = world.run_until([&] { return is_end; });
    if (!is_well) {
        connection.socket.reset_on_close();
    }
    writer.join();
    reader.join();
    CHECK(is_well);
    CHECK((received == stream));
    receive.then = nullptr;
    send.then = nullptr;
    connection.close();
    world.require_balanced();
}

TEST_CASE("sends to a peer that has reset end with an error", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.peer.abort();
    connection.part = {as_bytes("anybody?").data(), 8};
    connection.send.buffers = {&connection.part, 1};
    // The system may still take the first.
    const std::uint64_t deadline = world.port().now() + patience_ns;
    do {
        world.complete(connection.send);
    } while (connection.send.error == io::Error::none && world.port().now() < deadline);
    CHECK(connection.send.error == io::Error::reset);
    CHECK(connection.send.native_error != 0);
    connection.close();
    world.require_balanced();
}

TEST_CASE("a peer's reset ends the send that waits", "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    std::string chunk;
    std::uint64_t sent = 0;
    connection.fill(chunk, sent);
    connection.peer.abort();
    REQUIRE(world.run_until([&] { return !connection.send.in_flight; }));
    CHECK(connection.send.error == io::Error::reset);
    connection.close();
    world.require_balanced();
}

// Sends that may complete late: the port may as well complete them at once.
// `within_ns` is far below the tests' patience, and far above what a loaded machine needs.
constexpr std::uint64_t within_ns = 5 * base::nanoseconds_per_second;

TEST_CASE(
    "a send that may complete late has been sent when the wait waits, and completes by its end",
    "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.part = {as_bytes("hello").data(), 5};
    connection.send.buffers = {&connection.part, 1};
    connection.send.may_complete_late = true;
    world.submit(connection.send);
    SECTION("at its deadline") {
        const std::uint64_t deadline = world.port().now() + 50 * base::nanoseconds_per_millisecond;
        while (world.port().now() < deadline) {
            world.step(deadline);
        }
        world.step(0);
    }
    SECTION("when another operation completes") {
        world.submit(connection.receive);
        Tracked<io::PostOperation> post(world);
        world.submit(post);
        while (!post.is_done()) {
            world.step(world.port().now() + within_ns);
        }
        REQUIRE(connection.peer.receive_exactly(5) == "hello");
        REQUIRE(connection.peer.send_all("answer"));
        REQUIRE(world.run_until([&] { return !connection.receive.in_flight; }));
        CHECK(connection.take());
        world.step(0);
    }
    SECTION("when it is woken") {
        const std::uint64_t begun = world.port().now();
        world.port().wake();
        while (connection.send.in_flight && world.port().now() < begun + within_ns) {
            world.step(begun + 2 * within_ns);
        }
        CHECK(world.port().now() < begun + within_ns);
    }
    SECTION("soon, when it is waited for after all") {
        const std::uint64_t begun = world.port().now();
        world.port().expedite(connection.send);
        while (connection.send.in_flight && world.port().now() < begun + within_ns) {
            world.step(begun + 2 * within_ns);
        }
        CHECK(world.port().now() < begun + within_ns);
    }
    SECTION("soon, when it is cancelled: then it was sent, or aborted") {
        const std::uint64_t begun = world.port().now();
        world.port().cancel(connection.send);
        while (connection.send.in_flight && world.port().now() < begun + within_ns) {
            world.step(begun + 2 * within_ns);
        }
        CHECK(world.port().now() < begun + within_ns);
        if (connection.send.error == io::Error::aborted) {
            connection.send.error = io::Error::none;
            connection.write("hello");
        }
    }
    CHECK(connection.send.completions >= 1);
    CHECK_FALSE(connection.send.in_flight);
    CHECK(connection.send.error == io::Error::none);
    CHECK(connection.send.bytes == 5);
    if (connection.input.empty()) {
        CHECK(connection.peer.receive_exactly(5) == "hello");
    }
    connection.close();
    world.require_balanced();
}

TEST_CASE("many sends that may be late keep their bytes in order, also where the reader is slow",
          "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world, 16 * 1'024);
    constexpr std::size_t size = 8 << 20;
    const std::string stream = pattern(0, size);
    std::string received;
    std::thread reader([&] {
        std::mt19937 random(5);
        std::string room(100'000, '\0');
        while (received.size() < size) {
            const auto part = connection.peer.receive(
                std::span(room).first(1 + random() % room.size()));
            if (part.outcome != Peer::Outcome::data) {
                return;
            }
            received.append(room, 0, part.bytes);
            if (random() % 16 == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(300));
            }
        }
    });
    std::mt19937 random(4);
    std::size_t sent = 0;
    bool is_well = true;
    while (sent < size && is_well) {
        // Two parts, which often do not both fit.
        const std::size_t first = std::min<std::size_t>(1 + random() % 100'000, size - sent);
        const std::size_t second = std::min<std::size_t>(random() % 100'000, size - sent - first);
        const std::array<io::ConstBuffer, 2> parts{
            {{as_bytes(stream).data() + sent, first},
             {as_bytes(stream).data() + sent + first, second}}};
        connection.send.buffers = {parts.data(), second == 0 ? 1U : 2U};
        connection.send.may_complete_late = true;
        const int before = connection.send.completions;
        world.submit(connection.send);
        world.port().expedite(connection.send);
        is_well = world.run_until([&] { return !connection.send.in_flight; }) &&
                  connection.send.completions == before + 1 &&
                  connection.send.error == io::Error::none && connection.send.bytes >= 1 &&
                  connection.send.bytes <= first + second;
        sent += connection.send.bytes;
    }
    reader.join();
    CHECK(is_well);
    CHECK((received == stream));
    connection.close();
    world.require_balanced();
}

TEST_CASE("a send that may be late fails in time, and once, when the peer has reset",
          "[contract][send]") {
    const PortCase& kind = ANY_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    connection.peer.abort();
    const std::uint64_t deadline = world.port().now() + within_ns;
    int sends = 0;
    while (connection.send.error == io::Error::none && world.port().now() < deadline) {
        connection.part = {as_bytes("hello").data(), 5};
        connection.send.buffers = {&connection.part, 1};
        connection.send.may_complete_late = true;
        world.submit(connection.send);
        world.port().expedite(connection.send);
        REQUIRE(world.run_until([&] { return !connection.send.in_flight; }));
        CHECK(connection.send.completions == ++sends);
    }
    CHECK(connection.send.error == io::Error::reset);
    connection.close();
    world.require_balanced();
}

// One of the ways in which a host sends to a connection whose peer does not read.
TEST_CASE("a send that cannot proceed costs nothing, whatever else the peer does",
          "[contract][send]") {
    enum class Form { plain, gathered, quiet };
    const PortCase& kind = ANY_PORT();
    const auto form = GENERATE(Form::plain, Form::gathered, Form::quiet);
    INFO(kind.name);
    CAPTURE(form);
    World world(kind);
    Connection connection(world, 4'096);
    std::string chunk;
    std::uint64_t sent = 0;
    connection.fill(chunk, sent);
    // The send in flight is a plain one. The next one finds the buffer full from the beginning.
    world.port().cancel(connection.send);
    REQUIRE(world.run_until([&] { return !connection.send.in_flight; }));
    const std::size_t half = chunk.size() / 2;
    const std::array<io::ConstBuffer, 2> halves{
        {{as_bytes(chunk).data(), half}, {as_bytes(chunk).data() + half, half}}};
    // Repeats until a send stays in flight: now and then the system finds a little room after all.
    const auto settle = [&] {
        for (int tries = 0; tries == 0 || !connection.send.in_flight; ++tries) {
            if (!connection.send.in_flight) {
                REQUIRE(connection.send.error == io::Error::none);
                REQUIRE(tries < 100);
                connection.send.buffers = std::span(halves).first(form == Form::gathered ? 2 : 1);
                connection.send.may_complete_late = form == Form::quiet;
                world.submit(connection.send);
            }
            world.run_for(30);
        }
    };
    connection.send.error = io::Error::none;  // of the cancelled one
    const auto require_stillness = [&](const char* what_the_peer_did) {
        INFO(what_the_peer_did);
        settle();
        const io::Counters before = world.port().counters();
        world.run_for(50);
        const io::Counters after = world.port().counters();
        // Some waits end early (to look at idle receives, or because a quiet send ends). A port
        // that spins makes thousands of them.
        CHECK(after.waits - before.waits <= 10);
        CHECK(after.sends - before.sends <= 2);
        CHECK(after.receives - before.receives <= 2);
    };
    world.submit(connection.receive);
    require_stillness("nothing");
    REQUIRE(connection.peer.send_urgent('!'));
    require_stillness("it sent urgent data");
    REQUIRE(connection.peer.send_all("some bytes"));
    connection.peer.finish_sending();
    require_stillness("it ended its side");
    while (!connection.receive.in_flight && connection.take()) {
        world.submit(connection.receive);
        world.run_for(20);
    }
    require_stillness("nothing more, and its end was received");
    for (io::Operation* operation : {static_cast<io::Operation*>(&connection.receive),
                                     static_cast<io::Operation*>(&connection.send)}) {
        if (operation->in_flight) {
            world.port().cancel(*operation);
        }
    }
    REQUIRE(world.run_until(
        [&] { return !connection.send.in_flight && !connection.receive.in_flight; }));
    connection.close();
    world.require_balanced();
}
