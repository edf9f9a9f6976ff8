// What a message costs in calls to the system, by the host's own counters.
#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

struct Cost {
    std::uint64_t waits = 0;
    std::uint64_t receives = 0;
    std::uint64_t sends = 0;
    std::uint64_t wakes = 0;
};

Cost operator-(const Statistics& after, const Statistics& before) {
    return {after.waits - before.waits, after.receives - before.receives, after.sends - before.sends, after.wakes - before.wakes};
}

// The counters once they stand still: after the last reply the server still goes back to its wait.
Statistics settled(const TestServer& server) {
    Statistics last = server.statistics();
    auto since = std::chrono::steady_clock::now();
    static_cast<void>(eventually([&] {
        const Statistics now = server.statistics();
        if (now.waits != last.waits || now.receives != last.receives || now.sends != last.sends || now.completions != last.completions) {
            last = now;
            since = std::chrono::steady_clock::now();
        }
        return std::chrono::steady_clock::now() - since > std::chrono::milliseconds(50);
    }));
    return last;
}

}  // namespace

TEST_CASE("sixteen messages in one read make sixteen callbacks and one send", "[cost]") {
    const std::string ports = GENERATE("shared", "per_core");
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&, std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", R"("framing": {"type": "delimiter"})", &script}});
    Peer peer = server.connect("x");
    std::string sixteen;
    for (int i = 0; i < 16; ++i) {
        sixteen += "message " + std::to_string(i) + "\n";
    }
    REQUIRE(echoes(peer, sixteen));
    for (std::uint64_t turn = 1; turn <= 10; ++turn) {
        const Statistics before = settled(server);
        const std::uint64_t offers = script.line(0)->offers;
        REQUIRE(echoes(peer, sixteen));
        const Cost cost = settled(server) - before;
        CHECK(script.line(0)->offers - offers == 16);
        CHECK(cost.sends == 1);
    }
}

TEST_CASE("in the steady state a message costs one receive, one send and one wait", "[cost]") {
    const std::string ports = GENERATE("shared", "per_core");
    TestServer server("{\"ports\": \"" + ports + "\", \"threads\": 2}", {{"echo", "echo", ""}});
    Peer peer = server.connect("echo");
    for (int i = 0; i < 50; ++i) {
        REQUIRE(echoes(peer, "warm"));
    }
    constexpr std::uint64_t messages = 2'000;
    const Statistics before = settled(server);
    for (std::uint64_t i = 0; i < messages; ++i) {
        REQUIRE(echoes(peer, "message"));
    }
    const Cost cost = settled(server) - before;
    WARN(server.statistics().backend << " " << ports << ": for " << messages << " messages " << cost.receives << " receives, " << cost.sends
                                     << " sends, " << cost.waits << " waits, " << cost.wakes << " wakes");
    // A few more: for the receive that is armed while nothing is there, and on IOCP for the clock by which it finds idle connections.
    constexpr std::uint64_t few = on_windows ? 40 : 4;
    CHECK(cost.sends == messages);
    CHECK(cost.receives >= messages);
    CHECK(cost.receives <= messages + 4);
    // A wait for each batch; a message that comes alone is a batch. On a shared port a thread that comes back just when another has put the strand
    // on the run queue, and before it takes it, looks at the port without waiting: seldom.
    const std::uint64_t looks = ports == "shared" ? messages / 50 : 0;
    CHECK(cost.waits <= messages + few + looks);
    CHECK(cost.wakes <= few);
}
