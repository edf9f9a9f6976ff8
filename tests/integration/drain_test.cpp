// A listener that an operator drains, and that listens again, while the server goes on.
#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

bool is_refused(const TestServer& server, std::string_view listener) {
    Peer peer;
    return !peer.connect(server.address(listener));
}

std::uint64_t open_connections(const TestServer& server, std::string_view name) {
    for (const ListenerStatistics& listener : server.server.listeners()) {
        if (listener.listener == name) {
            return listener.connections_open;
        }
    }
    return UINT64_MAX;
}

std::string receive_to_end(Peer& peer) {
    Peer::Outcome outcome = Peer::Outcome::failed;
    std::string bytes = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    return bytes;
}

}  // namespace

TEST_CASE("a drained listener closes its port and its connections, and the others serve",
          "[drain]") {
    TestServer server(io_of(ANY_PORTS()), {{"one", "echo", ""}, {"two", "echo", ""}});
    Peer drained = server.connect("one");
    Peer served = server.connect("two");
    CHECK(echoes(drained, "hello"));
    CHECK(echoes(served, "hello"));
    for (int round = 0; round < 3; ++round) {
        CHECK(server.server.drain("one").empty());
        CHECK(server.server.drain("one").empty());
        CHECK(receive_to_end(drained).empty());
        drained.close();
        CHECK(eventually([&] { return open_connections(server, "one") == 0; }));
        CHECK(eventually([&] { return is_refused(server, "one"); }));
        CHECK(echoes(served, "still here"));
        CHECK(eventually([&] { return server.server.undo_drain("one").empty(); }));
        drained = server.connect("one");
        CHECK(echoes(drained, "back again"));
    }
    drained.close();
    served.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a plugin learns of a drain once, and of the stop that follows", "[drain]") {
    Script script;
    std::vector<std::uint32_t> reasons;  // the connection's own
    script.on_drain = [&](Line& line, const portico_draining& draining) {
        reasons.push_back(draining.reason);
        return draining.reason == PORTICO_DRAIN_STOP ? script.close(line) : PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    {
        TestServer server(io_of(ANY_PORTS()), {{"it", "relay#full", "", &script}});
        Peer peer = server.connect("it");
        CHECK(echoes(peer, "before"));
        CHECK(server.server.drain("it").empty());
        CHECK(eventually([&] { return script.operator_drains == 1; }));
        CHECK(echoes(peer, "it may take its time"));
        CHECK(server.server.drain("it").empty());
        CHECK(echoes(peer, "and is not asked twice"));
        CHECK(script.operator_drains == 1);
        CHECK(script.stops == 0);
        CHECK(eventually([&] { return server.server.undo_drain("it").empty(); }));
        CHECK(server.stop().connections_cut == 0);
    }
    CHECK(script.stops == 1);
    CHECK(reasons == std::vector<std::uint32_t>{PORTICO_DRAIN_ADMIN, PORTICO_DRAIN_STOP});
}

TEST_CASE("clients that come during a drain are served, asked to end, or refused", "[drain]") {
    TestServer server(io_of(ANY_PORTS()), {{"it", "echo", ""}});
    for (int round = 0; round < (sanitized || on_windows ? 5 : 20); ++round) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                // Until the port is closed. A connection that the system made and nobody accepted
                // is reset.
                Peer peer;
                while (peer.connect(server.address("it"))) {
                    peer.send_all("x");
                    std::array<char, 1> byte{};
                    static_cast<void>(peer.receive(byte));
                    peer.close();
                }
            });
        }
        CHECK(server.server.drain("it").empty());
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(eventually([&] { return open_connections(server, "it") == 0; }));
        CHECK(eventually([&] { return server.server.undo_drain("it").empty(); }));
    }
    Peer peer = server.connect("it");
    CHECK(echoes(peer, "served"));
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a stop may come during a drain, after it, and while it is undone", "[drain]") {
    const std::string ports = ANY_PORTS();
    const std::string when = GENERATE("during", "after", "undone");
    for (int round = 0; round < (sanitized || on_windows ? 2 : 4); ++round) {
        TestServer server(io_of(ports), {{"one", "echo", ""}, {"two", "echo", ""}});
        Peer peer = server.connect("one");
        CHECK(echoes(peer, "hello"));
        CHECK(server.server.drain("one").empty());
        if (when == "after") {
            CHECK(eventually([&] { return is_refused(server, "one"); }));
        }
        std::thread undoing;
        if (when == "undone") {
            // It succeeds, or finds the port not closed yet, or the server stopping.
            undoing = std::thread([&] { static_cast<void>(server.server.undo_drain("one")); });
        }
        CHECK(server.stop().connections_cut == 0);
        if (undoing.joinable()) {
            undoing.join();
        }
        CHECK(server.server.drain("two") ==
              "the host is starting or stopping: it takes no orders now");
    }
}

TEST_CASE("a drain cancels an undo for which the accepting thread had no time yet", "[drain]") {
    Script script;
    std::promise<void> callback_may_end;
    std::atomic<bool> is_inside{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        is_inside = true;
        callback_may_end.get_future().wait();
        return script.send(line, data);
    };
    TestServer server(io_of(kinds_of_ports().front(), 1),
                      {{"it", "echo", ""}, {"other", "relay#full", "", &script}});
    Peer busy = server.connect("other");
    CHECK(server.server.drain("it").empty());
    CHECK(eventually([&] { return is_refused(server, "it"); }));
    CHECK(busy.send_all("wait"));
    CHECK(eventually([&] { return is_inside.load(); }));
    CHECK(server.server.undo_drain("it").find("will listen later") != std::string::npos);
    CHECK(server.server.drain("it").empty());
    callback_may_end.set_value();
    CHECK(busy.receive_exactly(4) == "wait");
    CHECK(is_refused(server, "it"));
    // The undo that was cancelled is over, and another one can begin.
    CHECK(eventually([&] { return server.server.undo_drain("it").empty(); }));
    Peer peer = server.connect("it");
    CHECK(echoes(peer, "served"));
}

TEST_CASE("what cannot be drained is named", "[drain]") {
    TestServer server(io_of(kinds_of_ports().front()), {{"it", "echo", ""}});
    CHECK(server.server.drain("that") == "there is no listener \"that\"");
    CHECK(server.server.undo_drain("that") == "there is no listener \"that\"");
    CHECK(server.server.undo_drain("it") == "listener \"it\" is not drained");
    CHECK(server.server.drain("it").empty());
    CHECK(eventually([&] { return is_refused(server, "it"); }));
    Server other;
    CHECK_FALSE(other.drain("it").empty());
    CHECK_FALSE(other.set_log_level("debug"));
    CHECK(server.server.set_log_level("debug"));
    CHECK_FALSE(server.server.set_log_level("loud"));
}
