// The cost of a message in calls to the system.
#include "contract/world.hpp"

using namespace portico;
using namespace portico::test;

TEST_CASE("ping-pong costs one receive, one send and as few waits as can be", "[contract][cost]") {
    const PortCase& kind = SINGLE_PORT();
    INFO(kind.name);
    World world(kind);
    Connection connection(world);
    auto& receive = connection.receive;
    auto& send = connection.send;
    io::ConstBuffer echo;
    int echoed = 0;
    receive.then = [&] {
        if (receive.error == io::Error::none && receive.bytes != 0) {
            echo = {receive.buffer.data, receive.bytes};
            send.buffers = {&echo, 1};
            world.submit(send);
        }
    };
    send.then = [&] {
        world.pool().give_back(std::exchange(receive.buffer, {}));
        ++echoed;
        world.submit(receive);
    };
    world.submit(receive);
    const std::string message = pattern(0, 64);
    const auto ping_pong = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const int before = echoed;
            REQUIRE(connection.peer.send_all(message));
            REQUIRE(world.run_until([&] { return echoed != before; }));
            REQUIRE(connection.peer.receive_exactly(64) == message);
        }
    };
    ping_pong(20);
    const io::Counters before = world.port().counters();
    constexpr std::uint64_t count = 500;
    constexpr std::uint64_t slack = 10;
    ping_pong(count);
    const io::Counters after = world.port().counters();
    CHECK(after.receives - before.receives >= count);
    CHECK(after.receives - before.receives <= count + slack);
    CHECK(after.sends - before.sends == count);
    // If waits are the only calls, one hands over the send, which completes in it, and one waits
    // for the next message. If each call brings a packet, the send's packet must be waited for too.
    const bool brings_all_packets = kind.factory.name == "iocp with a packet for every call";
    const std::uint64_t waits_each = world.port().name() == "io_uring" || brings_all_packets ? 2
                                                                                             : 1;
    CHECK(after.waits - before.waits <= waits_each * count + slack);
    CHECK(after.wakes - before.wakes <= slack);
    CHECK(after.cancels - before.cancels <= slack);
    CHECK(after.completions - before.completions == 2 * count);
    receive.then = nullptr;
    send.then = nullptr;
    world.port().cancel(receive);
    REQUIRE(world.run_until([&] { return !receive.in_flight; }));
    connection.close();
    world.require_balanced();
}
