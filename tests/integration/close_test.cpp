// The ways in which a connection ends: the peer's view, the plugin's reason, and one on_close for
// each end.
#include <algorithm>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

TEST_CASE("a graceful close with unread input loses no byte that send accepted", "[close]") {
    const std::string ports = ANY_PORTS();
    // The peer keeps writing, and reads slowly. The plugin sends a long answer to the first
    // request, closes, and never looks at the rest.
    const bool paused = GENERATE(false, true);
    const std::size_t reply = (sanitized || on_windows ? 4U : 16U) << 20;
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = std::min<std::size_t>(data.size(), 1);
        if (line.flag.exchange(1) != 0) {
            return PORTICO_OK;
        }
        if (paused) {
            static_cast<void>(script.pause(line));
        }
        while (line.accepted < reply) {
            const std::string bytes = pattern(line.accepted, 65'536, line.number);
            if (script.send(line, bytes) != PORTICO_OK) {
                script.violated("send");
                break;
            }
        }
        return script.close(line);
    };
    constexpr int count = 8;
    TestServer server(
        io_of(ports),
        {{"x", "relay#full",
          R"("limits": {"send_queue_bytes": 67108864, "unconsumed_bytes": 67108864})", &script}});
    std::vector<std::thread> threads;
    std::vector<std::string> got(count);
    std::vector<Peer::Outcome> outcomes(count);
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            Peer peer;
            if (!peer.connect(server.address("x"), 16'384)) {
                return;
            }
            // Pipelined: more than one read takes, sent while the reply is under way.
            std::atomic<bool> done{false};
            std::thread writer([&] {
                const std::string noise(20'000, 'n');
                for (int n = 0; n < 50 && !done && peer.send_all(noise); ++n) {
                }
            });
            const auto at = static_cast<std::size_t>(i);
            for (int bite = 0; bite < 20; ++bite) {
                got[at] += peer.receive_exactly(5'000);
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
            got[at] += peer.receive_to_end(outcomes[at]);
            done = true;
            writer.join();
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(eventually([&] { return script.closed == count; }));
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(outcomes[i] == Peer::Outcome::end);
        REQUIRE(got[i].size() == reply);
        bool found = false;
        for (std::uint64_t seed = 0; seed < count; ++seed) {
            found = found || first_difference(got[i], 0, seed) == std::string::npos;
        }
        CHECK(found);
    }
    for (Line* line : script.lines()) {
        CHECK(line->accepted == reply);
        CHECK(line->reason == PORTICO_REASON_PLUGIN);
    }
    CHECK(server.comes_to_rest());
}

TEST_CASE("a graceful close flushes what other threads had queued", "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    for (std::uint64_t turn = 0; turn < 50; ++turn) {
        Peer peer = server.connect("x");
        REQUIRE(eventually([&] { return script.opened == turn + 1; }));
        Line& line = *script.line(turn);
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&] {
                while (script.send(line, "0123456789") != PORTICO_GONE) {
                    std::this_thread::yield();
                }
            });
        }
        REQUIRE(eventually([&] { return line.accepted > 1'000; }));
        CHECK(script.close(line) == PORTICO_OK);
        for (std::thread& thread : threads) {
            thread.join();
        }
        Peer::Outcome outcome{};
        const std::string all = peer.receive_to_end(outcome);
        CHECK(outcome == Peer::Outcome::end);
        CHECK(all.size() == line.accepted);
    }
}

TEST_CASE("an abort resets", "[close]") {
    const std::string ports = ANY_PORTS();
    const bool from_elsewhere = GENERATE(false, true);
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (!from_elsewhere) {
            if (script.close(line, PORTICO_CLOSE_ABORT) != PORTICO_OK) script.violated("abort");
            if (script.close(line, PORTICO_CLOSE_ABORT) != PORTICO_GONE)
                script.violated("second abort");
            return PORTICO_OK;
        }
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("x"));
    if (from_elsewhere) {
        CHECK(peer.receive_exactly(1) == "x");
        CHECK(script.close(*script.line(0), PORTICO_CLOSE_ABORT) == PORTICO_OK);
    }
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(is_abort(outcome));
    CHECK(eventually([&] { return script.reasons[PORTICO_REASON_PLUGIN] == 1; }));
}

TEST_CASE("an abort may follow a graceful close that makes no progress", "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_open = [&](Line& line) -> portico_status {
        const std::string much(8U << 20, 'm');
        static_cast<void>(script.send(line, much));
        return script.close(line);
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"close_timeout_ms": 60000})", &script}});
    Peer peer = server.connect("x", 8'192);
    REQUIRE(eventually([&] { return script.opened == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(script.closed == 0);  // nobody reads
    CHECK(script.close(*script.line(0), PORTICO_CLOSE_ABORT) == PORTICO_OK);
    CHECK(eventually([&] { return script.closed == 1; }));
    CHECK(server.comes_to_rest());
}

TEST_CASE("a graceful close whose peer stops reading ends at close_timeout_ms", "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_open = [&](Line& line) -> portico_status {
        const std::string much(8U << 20, 'm');
        static_cast<void>(script.send(line, much));
        return script.close(line);
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"close_timeout_ms": 300})", &script}});
    const auto begun = std::chrono::steady_clock::now();
    Peer peer = server.connect("x", 8'192);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(280));
    CHECK(script.line(0)->reason == PORTICO_REASON_PLUGIN);
    CHECK(server.comes_to_rest());
}

TEST_CASE("a peer that neither reads nor ends after our end of stream is given up", "[close]") {
    Script script;
    script.on_open = [&](Line& line) { return script.close(line); };
    TestServer server(io_of("per_core"),
                      {{"x", "relay#full", R"("limits": {"close_timeout_ms": 200})", &script}});
    Peer peer = server.connect("x");
    CHECK(eventually([&] { return script.closed == 1; }));
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
}

TEST_CASE("without on_end the peer's end closes; with it the plugin has half_close_timeout_ms",
          "[close]") {
    const std::string ports = ANY_PORTS();
    Script bare;
    bare.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                       std::uint64_t& consumed) {
        consumed = data.size();
        return bare.send(line, data);
    };
    Script stays;
    stays.on_end = [&](Line& line, const portico_ended&) {
        return stays.send(line, "the last word");
    };
    TestServer server(io_of(ports), {{"bare", "relay#bare", "", &bare},
                                     {"stays", "relay#full",
                                      R"("limits": {"half_close_timeout_ms": 300})", &stays}});
    Peer::Outcome outcome{};
    {
        Peer peer = server.connect("bare");
        REQUIRE(peer.send_all("bye"));
        peer.finish_sending();
        CHECK(peer.receive_to_end(outcome) == "bye");
        CHECK(outcome == Peer::Outcome::end);
        CHECK(eventually([&] { return bare.reasons[PORTICO_REASON_PEER] == 1; }));
    }
    {
        const auto begun = std::chrono::steady_clock::now();
        Peer peer = server.connect("stays");
        peer.finish_sending();
        CHECK(peer.receive_exactly(13) == "the last word");
        static_cast<void>(peer.receive_to_end(outcome));
        CHECK(is_abort(outcome));
        CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(280));
        CHECK(eventually([&] { return stays.reasons[PORTICO_REASON_HALF_CLOSE] == 1; }));
    }
    CHECK(server.comes_to_rest());
}

TEST_CASE("after the peer's end the plugin may send for a long time and then close", "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    const std::string part = pattern(0, 100'000);
    std::thread sender;
    script.on_destroy = [&] { sender.join(); };
    script.on_end = [&](Line& line, const portico_ended&) {
        sender = std::thread([&script, &line, &part] {
            for (int i = 0; i < 20; ++i) {
                static_cast<void>(script.send(line, part));
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
            static_cast<void>(script.close(line));
        });
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full",
                                      R"("limits": {"send_queue_bytes": 16777216})", &script}});
    Peer peer = server.connect("x");
    peer.finish_sending();
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).size() == 20 * part.size());
    CHECK(outcome == Peer::Outcome::end);
    CHECK(eventually([&] { return script.closed == 1; }));
}

TEST_CASE("a connection that on_open refuses is reset, and nothing else is called for it",
          "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<int> seen{0};
    script.on_open = [&](Line&) { return seen++ % 2 == 0 ? PORTICO_REFUSED : PORTICO_OK; };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    for (int i = 0; i < 20; ++i) {
        Peer peer = server.connect("x");
        REQUIRE(eventually([&] { return seen == i + 1; }));
        if (i % 2 == 0) {
            // Nothing is sent, because the send, not the receive, would report the reset.
            Peer::Outcome outcome{};
            CHECK(peer.receive_to_end(outcome).empty());
            CHECK(is_abort(outcome));
        } else {
            CHECK(echoes(peer, "hello"));
        }
    }
    CHECK(eventually([&] { return script.closed == 10; }));
    CHECK(script.opened == 10);
    CHECK(server.comes_to_rest());
}

TEST_CASE("an idle connection is closed in order after idle_timeout_ms; one that talks is not",
          "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
    const int idle_ms = sanitized || on_windows ? 600 : 300;
    TestServer server(
        io_of(ports),
        {{"x", "relay#full", "\"limits\": {\"idle_timeout_ms\": " + std::to_string(idle_ms) + "}",
          &script}});
    Peer talker = server.connect("x");
    REQUIRE(echoes(talker, "first"));
    std::atomic<bool> done{false};
    std::atomic<bool> good{true};
    std::thread talk([&] {
        while (!done) {
            good = good && echoes(talker, "t");
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    });
    const auto begun = std::chrono::steady_clock::now();
    Peer idle = server.connect("x");
    Peer::Outcome outcome{};
    CHECK(idle.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(idle_ms - 20));
    done = true;
    talk.join();
    CHECK(good);
    idle.close();
    // The talking client is idle now, too.
    CHECK(talker.receive_to_end(outcome).empty());
    talker.close();
    CHECK(eventually([&] { return script.reasons[PORTICO_REASON_IDLE] == 2; }));
}

TEST_CASE("a reset is reported as a reset", "[close]") {
    const std::string ports = ANY_PORTS();
    Script script;
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    peer.abort();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    if (is_end_under_wine(script.line(0)->reason)) {
        return;
    }
    CHECK(script.line(0)->reason == PORTICO_REASON_RESET);
    CHECK(script.line(0)->ends == 0);
}

TEST_CASE(
    "under churn with every ending there is one on_close for each on_open, and nothing after it",
    "[close]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    Script script;
    std::atomic<std::uint64_t> number{0};
    script.on_open = [&](Line& line) -> portico_status {
        line.flag = number++;
        return line.flag % 11 == 10 ? PORTICO_REFUSED : PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (script.send(line, data) == PORTICO_WOULD_BLOCK) {
            consumed = 0;
            return PORTICO_HOLD;
        }
        switch (line.flag % 9) {
            case 0: return PORTICO_ERROR;
            case 1: static_cast<void>(script.close(line)); break;
            case 2: static_cast<void>(script.close(line, PORTICO_CLOSE_ABORT)); break;
            case 3: static_cast<void>(script.finish_sending(line)); break;
            case 4: static_cast<void>(script.pause(line)); break;  // ended by the idle timeout
            default: break;
        }
        return PORTICO_OK;
    };
    script.on_end = [&](Line& line, const portico_ended&) -> portico_status {
        if (line.flag % 9 == 5) {
            return PORTICO_ERROR;
        }
        return line.flag % 9 == 6 ? PORTICO_OK : script.close(line);
    };
    {
        TestServer server(
            io_of(ports),
            {{"x", plugin,
              R"("limits": {"idle_timeout_ms": 50, "half_close_timeout_ms": 50, "close_timeout_ms": 50,
                                             "send_queue_bytes": 20000, "connections": 40})",
              &script}});
        std::atomic<bool> done{false};
        // A thread that uses every handle it has ever seen and closes some.
        std::thread meddler([&] {
            for (std::uint64_t i = 0; !done; ++i) {
                const std::vector<Line*> lines = script.lines();
                for (std::size_t n = lines.size() > 50 ? lines.size() - 50 : 0; n < lines.size();
                     ++n) {
                    switch ((i + n) % 13) {
                        case 0: static_cast<void>(script.close(*lines[n])); break;
                        case 1:
                            static_cast<void>(script.close(*lines[n], PORTICO_CLOSE_ABORT));
                            break;
                        case 2: static_cast<void>(script.resume(*lines[n])); break;
                        case 3: static_cast<void>(script.pause(*lines[n])); break;
                        default: static_cast<void>(script.send(*lines[n], "meddling")); break;
                    }
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
            }
        });
        std::vector<std::thread> clients;
        const int rounds = sanitized || on_windows ? 30 : 80;
        for (int t = 0; t < 6; ++t) {
            clients.emplace_back([&, t] {
                for (int i = 0; i < rounds; ++i) {
                    Peer peer;
                    if (!peer.connect(server.address("x"))) {
                        continue;
                    }
                    static_cast<void>(peer.send_all(pattern(0, i % 3 == 0 ? 60'000 : 10)));
                    Peer::Outcome outcome{};
                    switch ((i + t) % 5) {
                        case 0: peer.abort(); break;
                        case 1: break;
                        case 2: peer.finish_sending(); [[fallthrough]];
                        case 3: static_cast<void>(peer.receive_to_end(outcome)); break;
                        default: static_cast<void>(peer.receive_exactly(5)); break;
                    }
                }
            });
        }
        for (std::thread& client : clients) {
            client.join();
        }
        CHECK(server.comes_to_rest());
        done = true;
        meddler.join();
        CHECK(script.opened > 50);
    }
    CHECK(script.opened == script.closed);
    for (Line* line : script.lines()) {
        CHECK(line->closes == (line->refused ? 0U : 1U));
    }
}
