// The corners of the plugin's boundary: calls that come too early or too late, refusals that leave
// posts behind, pauses against a full buffer.
#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

struct Seen {
    std::atomic<int> runs{0};
    std::atomic<int> closing{0};
    std::atomic<int> with_state{0};
    std::atomic<int> with_self{0};

    static void PORTICO_CALL posted(void* self, portico_connection, void* state, void* argument,
                                    portico_status status) {
        auto& seen = *static_cast<Seen*>(argument);
        seen.closing += status == PORTICO_CLOSING ? 1 : 0;
        seen.with_state += state != nullptr ? 1 : 0;
        seen.with_self += self != nullptr ? 1 : 0;
        ++seen.runs;
    }
};

}  // namespace

TEST_CASE("a resume inside on_data does not offer the same bytes without end", "[boundary]") {
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        static_cast<void>(script.resume(line));
        if (data.size() >= 3) {
            consumed = data.size();
            return script.send(line, data);
        }
        return PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    std::uint64_t offers = 0;
    for (const char* byte : {"a", "b"}) {
        REQUIRE(peer.send_all(byte));
        ++offers;
        REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == offers; }));
        CHECK(peer.is_quiet_for(30));
        CHECK(script.line(0)->offers == offers);
    }
    REQUIRE(peer.send_all("c"));
    CHECK(peer.receive_exactly(3) == "abc");
    CHECK(script.line(0)->offers == 3);
}

TEST_CASE("a function posted to a connection that is then refused runs without its state",
          "[boundary]") {
    Seen seen;
    Script script;
    script.on_open = [&](Line& line) -> portico_status {
        return script.post(line, Seen::posted, &seen) == PORTICO_OK ? PORTICO_REFUSED : PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(eventually([&] { return seen.runs == 1; }));
    CHECK(seen.closing == 1);
    CHECK(seen.with_state == 0);
    CHECK(script.closed == 0);
}

TEST_CASE("bytes that a serial plugin sends to a connection before its on_open leave after it",
          "[boundary]") {
    Script script;
    std::atomic<bool> is_inside{false};
    // Inside the first connection's callback the strand of both is busy, while the port's other
    // thread accepts the second. Its handle is guessed: the next slot's, with the same generation.
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        is_inside = true;
        return eventually([&] { return script.send_to(line.handle + 1, "early") == PORTICO_OK; })
                   ? PORTICO_OK
                   : PORTICO_ERROR;
    };
    script.on_open = [&](Line& line) -> portico_status {
        return line.number == 0 ? PORTICO_OK : script.send(line, ", then welcome");
    };
    TestServer server(R"({"ports": "shared", "threads": 2})", {{"x", "relay#serial", "", &script}});
    Peer first = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    REQUIRE(first.send_all("?"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    Peer second = server.connect("x");
    CHECK(second.receive_exactly(19) == "early, then welcome");
}

TEST_CASE("a connection that a serial plugin closes before its on_open is opened, then closed",
          "[boundary]") {
    const std::uint32_t how = GENERATE(PORTICO_CLOSE_ABORT, PORTICO_CLOSE_GRACEFUL);
    Script script;
    std::atomic<bool> is_inside{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        // So much mail that the strand's turn ends before the other's on_open.
        for (int i = 0; i < 100; ++i) {
            static_cast<void>(script.post_instance(
                [](void*, portico_connection, void*, void*, portico_status) {}, nullptr));
        }
        is_inside = true;
        // As above: the handle of an accepted connection whose on_open waits for this callback's
        // end.
        const auto closes = [&] {
            return script.host()->close(script.instance(), line.handle + 1, how) == PORTICO_OK;
        };
        return eventually(closes) ? PORTICO_OK : PORTICO_ERROR;
    };
    TestServer server(R"({"ports": "shared", "threads": 2})", {{"x", "relay#serial", "", &script}});
    Peer first = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    REQUIRE(first.send_all("?"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    Peer second = server.connect("x");
    Peer::Outcome outcome = Peer::Outcome::data;
    CHECK(second.receive_to_end(outcome).empty());
    CHECK(outcome == (how == PORTICO_CLOSE_ABORT ? Peer::Outcome::reset : Peer::Outcome::end));
    second.close();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.opened == 2);
    CHECK(script.line(1)->reason == PORTICO_REASON_PLUGIN);
}

TEST_CASE("framed: a pause from another thread holds against a buffer full of small messages",
          "[boundary]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("framing": {"type": "delimiter"})", &script}});
    Peer peer = server.connect("x");
    std::string lines;
    constexpr std::uint64_t count = 1'000;
    for (std::uint64_t i = 0; i < count; ++i) {
        lines += ".\n";
    }
    REQUIRE(peer.send_all(lines));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers > 0; }));
    Line& line = *script.line(0);
    for (int turn = 0; turn < 20; ++turn) {
        CHECK(script.pause(line) == PORTICO_OK);
        const std::uint64_t paused_at = line.offers;
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
        CHECK(line.offers <= paused_at + 1);
        CHECK(script.resume(line) == PORTICO_OK);
        static_cast<void>(eventually([&] { return line.offers > paused_at + 1; },
                                     std::chrono::milliseconds(100)));
    }
    CHECK(eventually([&] { return line.offers == count; }));
}

TEST_CASE("framed: after a close from another thread at most one on_data follows", "[boundary]") {
    Script script;
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return PORTICO_OK;
    };
    TestServer server(io_of("shared"),
                      {{"x", "relay#full", R"("framing": {"type": "delimiter"})", &script}});
    Peer peer = server.connect("x");
    std::string lines;
    for (int i = 0; i < 1'000; ++i) {
        lines += ".\n";
    }
    REQUIRE(peer.send_all(lines));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers > 3; }));
    Line& line = *script.line(0);
    CHECK(script.close(line, PORTICO_CLOSE_ABORT) == PORTICO_OK);
    const std::uint64_t closed_at = line.offers;
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(line.offers <= closed_at + 1);
    CHECK(script.close(line, PORTICO_CLOSE_ABORT) == PORTICO_GONE);
}

TEST_CASE("functions that an instance posts before its create fails run before the start fails",
          "[boundary]") {
    Seen seen;
    Script script;
    script.on_create = [&](Script& self) -> portico_status {
        return self.post_instance(Seen::posted, &seen) == PORTICO_OK ? PORTICO_LIMIT : PORTICO_OK;
    };
    Server server;
    const std::string json = R"({ "plugin_directory": "test_plugins", "listeners": [ { "name": "x",
        "listen": "127.0.0.1:0", "plugin": "relay#full", "settings": )" +
                             script.settings() + R"( } ], "log": { "level": "off" } })";
    REQUIRE(server.configure_text(json, Server::program_directory()));
    CHECK_FALSE(server.start());
    CHECK(seen.runs == 1);
    CHECK(seen.closing == 1);
    CHECK(seen.with_self == 0);
    CHECK(script.destroys == 0);
}
