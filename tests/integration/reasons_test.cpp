// Each reason for which a connection can be closed, with every member of portico_closed. (A system
// error other than a reset, and memory that is out, need a system that fails: tests/fuzz, tests/sim
// and tests/torture have them.)
#include <algorithm>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The bytes of a line that were accepted by send, as portico_closed divides them.
struct Figures {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t unsent = 0;
};

// The members that no reason but RESET, ERROR and PLUGIN_ERROR sets.
void check_closed(Script& script, std::uint32_t reason, const Figures& figures,
                  portico_status status = PORTICO_OK) {
    REQUIRE(eventually([&] { return script.closed == 1; }));
    const portico_closed& closed = script.line(0)->closed;
    CHECK(closed.struct_size == sizeof closed);
    CHECK(closed.reason == reason);
    CHECK(closed.status == status);
    if (reason != PORTICO_REASON_RESET) {
        CHECK(closed.native_error == 0);
    }
    CHECK(closed.received_bytes == figures.received);
    CHECK(closed.sent_bytes == figures.sent);
    CHECK(closed.unsent_bytes == figures.unsent);
    CHECK(closed.opened_ns != 0);
}

// Echoes, and returns what send answered.
void echo(Script& script) {
    script.on_data = [&script](Line& line, std::string_view data, const portico_frame&,
                               std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
}

// More than the system's buffers of a connection take.
constexpr std::size_t much = 16U << 20;
const std::string large_queue = R"("send_queue_bytes": 67108864, "max_send_bytes": 67108864)";

}  // namespace

TEST_CASE("reason PLUGIN: the plugin's graceful close, after everything is sent", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        static_cast<void>(script.send(line, "so long"));
        return script.close(line);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome) == "so long");
    peer.close();
    check_closed(script, PORTICO_REASON_PLUGIN, {5, 7, 0});
}

TEST_CASE("reason PLUGIN: an abort counts what was still queued as unsent", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        static_cast<void>(script.send(line, "never sent"));
        return script.close(line, PORTICO_CLOSE_ABORT);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    check_closed(script, PORTICO_REASON_PLUGIN, {5, 0, 10});
}

TEST_CASE("reason PEER: the peer's end, and no on_end", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    TestServer server(io_of(ports), {{"x", "relay#bare", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "farewell"));
    peer.finish_sending();
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    check_closed(script, PORTICO_REASON_PEER, {8, 8, 0});
}

TEST_CASE("reason RESET: the system's number, and what the peer did not get", "[reasons]") {
    const std::string ports = ANY_PORTS();
    const bool reads_nothing = GENERATE(false, true);
    Script script;
    echo(script);
    TestServer server(io_of(ports),
                      {{"x", "relay#full", "\"limits\": {" + large_queue + "}", &script}});
    Peer peer = server.connect("x", reads_nothing ? 8'192 : 0);
    REQUIRE(echoes(peer, "hello"));
    Line& line = *script.line(0);
    if (reads_nothing) {
        REQUIRE(script.send(line, std::string(much, 'm')) == PORTICO_OK);
        // The system takes as much as it can. Windows says only at the end what it took.
        std::uint64_t queued = 0;
        REQUIRE(eventually([&] {
            const std::uint64_t before = std::exchange(queued, script.queued_bytes(line));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            return before == queued && (on_windows || queued < much);
        }));
    }
    peer.abort();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    const portico_closed& closed = line.closed;
    if (!reads_nothing && is_end_under_wine(closed.reason)) {
        return;
    }
    CHECK(closed.reason == PORTICO_REASON_RESET);
    CHECK(closed.status == PORTICO_ERROR);
    CHECK(closed.native_error != 0);
    CHECK(closed.received_bytes == 5);
    if (reads_nothing) {
        CHECK(closed.sent_bytes >= 5);
        CHECK(closed.sent_bytes < line.accepted);
        CHECK(closed.unsent_bytes >= line.accepted - closed.sent_bytes);
        CHECK(closed.unsent_bytes <= much);
    } else {
        CHECK(closed.sent_bytes == 5);
        CHECK(closed.unsent_bytes == 0);
    }
}

TEST_CASE("reason PLUGIN_ERROR: the status of the callback that failed", "[reasons]") {
    const std::string ports = ANY_PORTS();
    const std::string where = GENERATE("on_data", "too much", "on_writable", "on_end", "on_drain");
    INFO(where);
    constexpr portico_status unknown = -12'345;
    const bool is_in_data = where == "on_data" || where == "too much";
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = where == "too much" ? data.size() + 1 : data.size();
        if (where == "on_writable") {
            while (script.send(line, std::string(100'000, 'w')) == PORTICO_OK) {
            }
            return PORTICO_OK;
        }
        static_cast<void>(script.send(line, "lost"));
        return where == "on_data" ? unknown : PORTICO_OK;
    };
    const auto fail = [](Line&) { return unknown; };
    script.on_writable = fail;
    script.on_end = [&](Line& line, const portico_ended&) { return fail(line); };
    script.on_drain = [&](Line& line, const portico_draining&) { return fail(line); };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    if (where == "on_end") {
        CHECK(peer.receive_exactly(4) == "lost");
        peer.finish_sending();
    } else if (where == "on_drain") {
        CHECK(peer.receive_exactly(4) == "lost");
        static_cast<void>(server.stop());
    } else {
        Peer::Outcome outcome{};
        const std::string got = peer.receive_to_end(outcome);
        CHECK(got.empty() == is_in_data);
    }
    if (where == "on_writable") {
        REQUIRE(eventually([&] { return script.closed == 1; }));
        const Line& line = *script.line(0);
        CHECK(line.closed.reason == PORTICO_REASON_PLUGIN_ERROR);
        CHECK(line.closed.status == unknown);
        CHECK(line.closed.sent_bytes + line.closed.unsent_bytes >= line.accepted);
        return;
    }
    const Figures figures = is_in_data ? Figures{5, 0, 4} : Figures{5, 4, 0};
    check_closed(script, PORTICO_REASON_PLUGIN_ERROR, figures,
                 where == "too much" ? PORTICO_INVALID : unknown);
}

TEST_CASE("reason IDLE: nothing has moved for idle_timeout_ms", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"idle_timeout_ms": 200})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "hello"));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    peer.close();
    check_closed(script, PORTICO_REASON_IDLE, {5, 5, 0});
}

TEST_CASE("reason HALF_CLOSE: the plugin does not close after the peer's end", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_end = [&](Line& line, const portico_ended&) { return script.send(line, "still"); };
    TestServer server(io_of(ports), {{"x", "relay#full",
                                      R"("limits": {"half_close_timeout_ms": 200})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    peer.finish_sending();
    CHECK(peer.receive_exactly(5) == "still");
    check_closed(script, PORTICO_REASON_HALF_CLOSE, {5, 5, 0});
}

TEST_CASE("reason FRAME: bytes that no message may have are counted as received", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    TestServer server(
        io_of(ports),
        {{"x", "relay#full", R"("framing": {"type": "delimiter", "max_bytes": 10})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "hello\n"));
    REQUIRE(peer.send_all("this is too long"));
    check_closed(script, PORTICO_REASON_FRAME, {22, 6, 0});
}

TEST_CASE("reason UNCONSUMED: the plugin leaves limits.unconsumed_bytes", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [](Line&, std::string_view, const portico_frame&, std::uint64_t&) {
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"unconsumed_bytes": 10})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("0123456789"));
    check_closed(script, PORTICO_REASON_UNCONSUMED, {10, 0, 0});
}

TEST_CASE("reason DRAIN: the host stops, and on_drain is NULL", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    TestServer server(io_of(ports), {{"x", "relay#undrained", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "hello"));
    CHECK(server.stop().connections_cut == 0);
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    check_closed(script, PORTICO_REASON_DRAIN, {5, 5, 0});
}

TEST_CASE("reason DRAIN_DEADLINE: the stop's deadline cuts the connection", "[reasons]") {
    const std::string ports = ANY_PORTS();
    // "stays" never closes; "flushing" has closed, but its peer reads nothing.
    const bool is_flushing = GENERATE(false, true);
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (!is_flushing) {
            return script.send(line, data);
        }
        static_cast<void>(script.send(line, std::string(much, 'm')));
        return script.close(line);
    };
    script.on_drain = [](Line&, const portico_draining&) { return PORTICO_OK; };
    TestServer server(io_of(ports),
                      {{"x", "relay#full",
                        "\"limits\": {\"close_timeout_ms\": 60000, " + large_queue + "}", &script}},
                      R"("shutdown": {"drain_ms": 300})");
    Peer peer = server.connect("x", is_flushing ? 8'192 : 0);
    REQUIRE(peer.send_all("hello"));
    // The callback has done its send: with a sanitizer a large one takes longer than the deadline.
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->accepted != 0; }));
    if (!is_flushing) {
        CHECK(peer.receive_exactly(5) == "hello");
    }
    CHECK(server.stop().connections_cut == 1);
    if (!is_flushing) {
        check_closed(script, PORTICO_REASON_DRAIN_DEADLINE, {5, 5, 0});
        return;
    }
    REQUIRE(script.closed == 1);
    const Line& line = *script.line(0);
    CHECK(line.closed.reason == PORTICO_REASON_DRAIN_DEADLINE);
    CHECK(line.closed.status == PORTICO_OK);
    CHECK(line.closed.native_error == 0);
    CHECK(line.closed.received_bytes == 5);
    CHECK(line.closed.sent_bytes < line.accepted);
    CHECK(line.closed.unsent_bytes >= line.accepted - line.closed.sent_bytes);
    CHECK(line.closed.unsent_bytes <= line.accepted);
}

TEST_CASE("the first cause counts: a close that its timeout cuts off is still the plugin's",
          "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_open = [&](Line& line) {
        static_cast<void>(script.send(line, std::string(much, 'm')));
        return script.close(line);
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full",
                        "\"limits\": {\"close_timeout_ms\": 200, " + large_queue + "}", &script}});
    Peer peer = server.connect("x", 8'192);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    const Line& line = *script.line(0);
    CHECK(line.closed.reason == PORTICO_REASON_PLUGIN);
    CHECK(line.closed.status == PORTICO_OK);
    CHECK(line.closed.sent_bytes < line.accepted);
    CHECK(line.closed.unsent_bytes >= line.accepted - line.closed.sent_bytes);
}

TEST_CASE("bytes that nobody was offered count as received", "[reasons]") {
    const std::string ports = ANY_PORTS();
    Script script;
    // The rest of what the peer sends is discarded until its end.
    script.on_open = [&](Line& line) { return script.close(line); };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("nobody wants this"));
    peer.finish_sending();
    check_closed(script, PORTICO_REASON_PLUGIN, {17, 0, 0});
    CHECK(script.line(0)->offers == 0);
}
