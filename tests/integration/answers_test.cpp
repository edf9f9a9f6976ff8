// The meaning of callbacks' answers, and of what on_data is told about an offer.
#include <algorithm>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

const std::string small_queue = R"("limits": {"send_queue_bytes": 16384})";

std::string framing_of(bool framed) {
    return framed ? R"("framing": {"type": "delimiter"})" : "";
}

// An offer as on_data was told of it. Guarded by the test: one connection, read after its close.
struct Offer {
    std::string bytes;
    std::uint32_t flags = 0;
    std::uint64_t offered_before = 0;

    bool operator==(const Offer&) const = default;
};

struct Offers {
    std::vector<Offer> all;

    void note(std::string_view data, const portico_frame& frame) {
        all.push_back({std::string(data), frame.flags, frame.offered_before});
    }
};

}  // namespace

TEST_CASE("GONE and CLOSING mean OK, and so does an unknown positive answer", "[answers]") {
    const std::string ports = ANY_PORTS();
    const portico_status answer = GENERATE(PORTICO_GONE, PORTICO_CLOSING, 12'345);
    Script script;
    script.on_open = [&](Line&) { return std::max(answer, PORTICO_OK); };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = std::min<std::size_t>(data.size(), 3);
        static_cast<void>(script.send(line, data.substr(0, consumed)));
        return answer;
    };
    script.on_writable = [&](Line&) { return answer; };
    script.on_end = [&](Line& line, const portico_ended&) {
        static_cast<void>(script.close(line));
        return answer;
    };
    script.on_drain = [&](Line& line, const portico_draining&) {
        static_cast<void>(script.close(line));
        return answer;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("one"));
    CHECK(peer.receive_exactly(3) == "one");
    // What is not consumed waits for more bytes, as with OK.
    REQUIRE(peer.send_all("two and more"));
    CHECK(peer.receive_exactly(3) == "two");
    CHECK(peer.is_quiet_for(30));
    peer.finish_sending();
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome) == " an");  // the rest is offered once more
    CHECK(outcome == Peer::Outcome::end);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->reason == PORTICO_REASON_PLUGIN);
    CHECK(script.line(0)->remaining == 6);
    Peer other = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 2; }));
    CHECK(server.stop().connections_cut == 0);
    CHECK(script.line(1)->reason == PORTICO_REASON_PLUGIN);
}

TEST_CASE("on_data may return what send answered: a refused message comes again", "[answers]") {
    const std::string ports = ANY_PORTS();
    const bool framed = GENERATE(false, true);
    const std::string plugin = GENERATE("relay#full", "relay#bare", "relay#serial");
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();  // with WOULD_BLOCK nothing counts as consumed
        return script.send(line, data);
    };
    TestServer server(
        io_of(ports),
        {{"x", plugin, small_queue + (framed ? ", " + framing_of(true) : ""), &script}});
    std::string all;
    // more than the system's buffers on the loopback (2.6 MB)
    const std::size_t messages = 10'000;
    for (std::size_t i = 0; i < messages; ++i) {
        all += "message " + std::to_string(i) + std::string(i % 800, '.') + "\n";
    }
    Peer peer = server.connect("x", 8'192, 8'192);
    std::string got;
    {
        Sender sender(peer, all);
        REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->blocked != 0; }));
        got = peer.receive_exactly(all.size());
        CHECK(sender.join());
    }
    CHECK((got == all));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->closed.sent_bytes == all.size());
    CHECK(script.line(0)->closed.received_bytes == all.size());
}

TEST_CASE("every other callback may return what a send answered too", "[answers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    constexpr std::size_t total = 2'000'000;
    const auto fill = [&](Line& line) {
        portico_status status = PORTICO_OK;
        while (status == PORTICO_OK && line.accepted < total) {
            status = script.send(line, pattern(line.accepted, 5'000));
        }
        return status == PORTICO_OK ? script.close(line) : status;
    };
    script.on_end = [&](Line& line, const portico_ended&) { return fill(line); };
    script.on_writable = fill;
    TestServer server(io_of(ports), {{"x", "relay#full", small_queue, &script}});
    Peer peer = server.connect("x");
    peer.finish_sending();
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == total);
    CHECK(first_difference(all, 0) == std::string::npos);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->blocked != 0);
}

TEST_CASE("an on_open that answers GONE or CLOSING refuses its connection", "[answers]") {
    const std::string ports = ANY_PORTS();
    const portico_status answer = GENERATE(PORTICO_GONE, PORTICO_CLOSING);
    Script script;
    script.on_open = [&](Line&) { return answer; };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(server.comes_to_rest());
    CHECK(script.opened == 0);
}

TEST_CASE("WOULD_BLOCK is an error if no on_writable is to come", "[answers]") {
    const std::string ports = ANY_PORTS();
    // Never refused; refused before, and the on_writable has come; refused on another connection.
    const std::string how = GENERATE("never", "before", "another");
    INFO(how);
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (data == "fill") {
            while (script.send(line, std::string(8'000, 'f')) == PORTICO_OK) {
            }
            return PORTICO_OK;
        }
        if (how == "another") {
            Line& other = *script.line(0);
            return script.send(other, "more");
        }
        return PORTICO_WOULD_BLOCK;
    };
    TestServer server(io_of(ports, 1), {{"x", "relay#full", small_queue, &script}});
    Peer peer = server.connect("x", how == "another" ? 8'192 : 0);
    std::string got;
    if (how != "never") {
        REQUIRE(peer.send_all("fill"));
        REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->blocked == 1; }));
    }
    Peer other;
    if (how == "another") {
        // as much as the system takes; then the queue stays full
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        if (script.line(0)->writables != 0) {
            return;  // the system took it all: there is no blockage to be asked about
        }
        other = server.connect("x");
        REQUIRE(other.send_all("?"));
    } else {
        if (how == "before") {
            static_cast<void>(peer.receive_exactly(script.line(0)->accepted));
            REQUIRE(eventually([&] { return script.line(0)->writables == 1; }));
        }
        REQUIRE(peer.send_all("?"));
    }
    const std::size_t which = how == "another" ? 1 : 0;
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(which)->closed.reason == PORTICO_REASON_PLUGIN_ERROR);
    CHECK(script.line(which)->closed.status == PORTICO_WOULD_BLOCK);
}

TEST_CASE("on_writable ends a HOLD and not a WAIT; a resume ends both", "[answers]") {
    const std::string ports = ANY_PORTS();
    const portico_status answer = GENERATE(PORTICO_HOLD, PORTICO_WAIT);
    const bool framed = GENERATE(false, true);
    const std::string plugin = GENERATE("relay#full", "relay#bare");
    Script script;
    std::atomic<bool> is_ready{false};
    std::atomic<int> held_again{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        if (line.offers == 1) {
            while (script.send(line, std::string(100'000, 'f')) == PORTICO_OK) {
            }
            return answer;
        }
        if (!is_ready) {
            ++held_again;
            return answer;
        }
        consumed = data.size();
        return PORTICO_OK;
    };
    TestServer server(
        io_of(ports),
        {{"x", plugin, small_queue + (framed ? ", " + framing_of(true) : ""), &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello\n"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->blocked == 1; }));
    Line& line = *script.line(0);
    static_cast<void>(peer.receive_exactly(line.accepted));
    if (plugin == "relay#full") {
        REQUIRE(eventually([&] { return line.writables == 1; }));
    }
    if (answer == PORTICO_HOLD) {
        // The second offer must have seen that is_ready is still false.
        REQUIRE(eventually([&] { return held_again == 1; }));
    } else {
        CHECK(peer.is_quiet_for(50));
        CHECK(line.offers == 1);
    }
    const std::uint64_t before = line.offers;
    is_ready = true;
    CHECK(peer.is_quiet_for(20));
    CHECK(line.offers == before);
    CHECK(script.resume(line) == PORTICO_OK);
    CHECK(eventually([&] { return line.offers == before + 1; }));
}

TEST_CASE("a resume inside on_data cancels that call's hold: the bytes come on the next turn",
          "[answers]") {
    const std::string ports = ANY_PORTS();
    const portico_status answer = GENERATE(PORTICO_HOLD, PORTICO_WAIT);
    const bool framed = GENERATE(false, true);
    const bool from_elsewhere = GENERATE(false, true);
    Script script;
    Offers offers;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame& frame,
                         std::uint64_t& consumed) -> portico_status {
        offers.note(data, frame);
        if (line.offers < 3) {
            if (from_elsewhere) {
                std::thread([&] {
                    if (script.resume(line) != PORTICO_OK) script.violated("resume");
                }).join();
            } else if (script.resume(line) != PORTICO_OK) {
                script.violated("resume");
            }
            return answer;
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", framing_of(framed), &script}});
    Peer peer = server.connect("x");
    CHECK(echoes(peer, "hello\n"));
    CHECK(script.line(0)->offers == 3);
    CHECK(echoes(peer, "again\n"));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(offers.all == std::vector<Offer>{{"hello\n", 0, 0},
                                           {"hello\n", PORTICO_FRAME_AGAIN, 6},
                                           {"hello\n", PORTICO_FRAME_AGAIN, 6},
                                           {"again\n", 0, 0}});
}

TEST_CASE("a pause after the resume inside on_data holds all the same", "[answers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        if (line.offers == 1) {
            static_cast<void>(script.resume(line));
            static_cast<void>(script.pause(line));
            return PORTICO_WAIT;
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    CHECK(peer.is_quiet_for(30));
    CHECK(script.line(0)->offers == 1);
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    CHECK(peer.receive_exactly(5) == "hello");
}

TEST_CASE("a plugin that resumes and holds without end does not keep others waiting", "[answers]") {
    const std::string ports = ANY_PORTS();
    Script endless;
    endless.on_data = [&](Line& line, std::string_view, const portico_frame&, std::uint64_t&) {
        static_cast<void>(endless.resume(line));
        return PORTICO_HOLD;
    };
    TestServer server(io_of(ports, 1),
                      {{"endless", "relay#full", "", &endless}, {"echo", "echo", ""}});
    Peer spinning = server.connect("endless");
    REQUIRE(spinning.send_all("x"));
    REQUIRE(eventually([&] { return endless.opened == 1 && endless.line(0)->offers > 1'000; }));
    Peer peer = server.connect("echo");
    for (int i = 0; i < 100; ++i) {
        REQUIRE(echoes(peer, "meanwhile"));
    }
    CHECK(endless.close(*endless.line(0), PORTICO_CLOSE_ABORT) == PORTICO_OK);
}

TEST_CASE("unframed: an offer says how much of it was offered before, and which is the last",
          "[answers]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Offers offers;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame& frame,
                         std::uint64_t& consumed) {
        offers.note(data, frame);
        consumed = line.offers == 2 ? 4 : 0;
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("abc"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    REQUIRE(peer.send_all("def"));
    REQUIRE(eventually([&] { return script.line(0)->offers == 2; }));
    REQUIRE(peer.send_all("ghi"));
    REQUIRE(eventually([&] { return script.line(0)->offers == 3; }));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(offers.all == std::vector<Offer>{{"abc", 0, 0},
                                           {"abcdef", PORTICO_FRAME_AGAIN, 3},
                                           {"efghi", PORTICO_FRAME_AGAIN, 2},
                                           {"efghi", PORTICO_FRAME_AGAIN | PORTICO_FRAME_LAST, 5}});
    CHECK(script.line(0)->ended.remaining == 5);
    CHECK(script.line(0)->ended.flags == 0);
}

TEST_CASE("unframed: no last offer comes if nothing is left, and a held one comes again",
          "[answers]") {
    const std::string ports = ANY_PORTS();
    const bool leaves = GENERATE(false, true);
    Script script;
    Offers offers;
    script.on_data = [&](Line&, std::string_view data, const portico_frame& frame,
                         std::uint64_t& consumed) {
        offers.note(data, frame);
        consumed = leaves ? 0 : data.size();
        return (frame.flags & PORTICO_FRAME_LAST) != 0 && offers.all.size() == 2 ? PORTICO_WAIT
                                                                                 : PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("abc"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    peer.finish_sending();
    std::vector<Offer> expected{{"abc", 0, 0}};
    if (leaves) {
        REQUIRE(eventually([&] { return script.line(0)->offers == 2; }));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(script.line(0)->ends == 0);
        CHECK(script.resume(*script.line(0)) == PORTICO_OK);
        expected.push_back({"abc", PORTICO_FRAME_AGAIN | PORTICO_FRAME_LAST, 3});
        expected.push_back({"abc", PORTICO_FRAME_AGAIN | PORTICO_FRAME_LAST, 3});
    }
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(offers.all == expected);
    CHECK(script.line(0)->remaining == (leaves ? 3 : 0));
}

TEST_CASE("framed: a held message comes again as a whole; half a message is a truncated end",
          "[answers]") {
    const std::string ports = ANY_PORTS();
    const bool is_whole = GENERATE(false, true);
    Script script;
    Offers offers;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame& frame,
                         std::uint64_t& consumed) {
        offers.note(data, frame);
        consumed = 0;  // OK says that the message is done with
        return line.offers == 1 ? PORTICO_HOLD : PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", framing_of(true), &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all(is_whole ? "one\ntwo\n" : "one\ntwo\nhalf"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    REQUIRE(eventually([&] { return script.line(0)->offers == 3; }));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(offers.all ==
          std::vector<Offer>{{"one\n", 0, 0}, {"one\n", PORTICO_FRAME_AGAIN, 4}, {"two\n", 0, 0}});
    CHECK(script.line(0)->ended.flags == (is_whole ? 0 : PORTICO_ENDED_TRUNCATED));
    CHECK(script.line(0)->ended.remaining == (is_whole ? 0 : 4));
}

TEST_CASE("without on_drain, what has arrived is offered before the close", "[answers]") {
    const std::string ports = ANY_PORTS();
    const bool framed = GENERATE(false, true);
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    Script gate;
    std::atomic<bool> is_open{false};
    std::atomic<bool> is_inside{false};
    gate.on_data = [&](Line&, std::string_view data, const portico_frame&,
                       std::uint64_t& consumed) {
        consumed = data.size();
        is_inside = true;
        static_cast<void>(eventually([&] { return is_open.load(); }));
        return PORTICO_OK;
    };
    // One worker, which is in the gate's callback while the bytes arrive and the stop begins.
    TestServer server(io_of(ports, 1), {{"x", "relay#undrained", framing_of(framed), &script},
                                        {"gate", "relay#full", "", &gate}});
    std::vector<Peer> peers;
    for (int i = 0; i < 4; ++i) {
        peers.push_back(server.connect("x"));
        REQUIRE(echoes(peers.back(), "hello\n"));
    }
    Peer at_gate = server.connect("gate");
    REQUIRE(at_gate.send_all("shut"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    const std::string late = "late\nlate\nlate\n";
    for (Peer& peer : peers) {
        REQUIRE(peer.send_all(late));
    }
    StopResult result;
    std::thread stopper([&] { result = server.stop(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    is_open = true;
    for (Peer& peer : peers) {
        Peer::Outcome outcome{};
        CHECK(peer.receive_to_end(outcome) == late);
        CHECK(outcome == Peer::Outcome::end);
        peer.close();
    }
    stopper.join();
    CHECK(result.connections_cut == 0);
    CHECK(script.reasons[PORTICO_REASON_DRAIN] == 4);
}

TEST_CASE("without on_drain a connection that is paused or waits is closed too", "[answers]") {
    const std::string ports = ANY_PORTS();
    const bool pauses = GENERATE(false, true);
    Script script;
    script.on_data = [&](Line& line, std::string_view, const portico_frame&, std::uint64_t&) {
        if (pauses) {
            static_cast<void>(script.pause(line));
        }
        return pauses ? PORTICO_OK : PORTICO_HOLD;
    };
    TestServer server(io_of(ports), {{"x", "relay#undrained", "", &script}},
                      R"("shutdown": {"drain_ms": 300})");
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("hello"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    // Nothing ends this hold, so only the deadline ends its connection.
    CHECK(server.stop().connections_cut == (pauses ? 0 : 1));
    CHECK(script.line(0)->reason ==
          (pauses ? PORTICO_REASON_DRAIN : PORTICO_REASON_DRAIN_DEADLINE));
}
