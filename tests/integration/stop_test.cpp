// Stopping in mid-traffic, with idle clients, and with plugins that drain or do not; and the
// leftovers in the process afterwards.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/path_text.hpp"
#include "integration/service.hpp"
#include "support/process_usage.h"

using namespace portico;
using namespace portico::test;

namespace {

// Checks that there are as many threads and descriptors after `action` as before.
template <class Action>
void check_leaves_nothing(Action&& action) {
    action();  // makes what the system and its libraries make once and keep
    const process_usage before = process_usage_now();
    constexpr int rounds = 5;
    for (int i = 0; i < rounds; ++i) {
        action();
    }
    // On Windows the system keeps some handles of its own; a leak of the server would show five
    // times.
    const std::int64_t few = on_windows ? rounds - 1 : 0;
    process_usage after{};
    // A joined thread leaves the system's list a moment later.
    const bool is_as_before = eventually([&] {
        after = process_usage_now();
        return after.threads == before.threads && after.descriptors <= before.descriptors + few;
    });
    WARN(before.threads << " threads and " << before.descriptors << " descriptors before, "
                        << after.threads << " and " << after.descriptors << " after");
    CHECK(is_as_before);
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begun);
}

}  // namespace

// The bar: 100 stops on each kind of port, with pipelined requests that are not read yet. The
// plugin counts the bytes for which send returns PORTICO_OK: in callbacks, and on a thread of its
// own, which goes on sending during the stop.
TEST_CASE("a stop in mid-traffic loses no byte that send accepted", "[stop]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#undrained", "relay#full");
    const int stops = sanitized ? 5 : on_windows ? 25 : 50;  // of 4
    constexpr std::size_t echoed = 6;                        // peers whose bytes come back
    // and two to which the plugin's own thread sends
    constexpr std::size_t peers_count = 8;
    // If the host had read everything, the stop met no unread requests. It does not count, and
    // another one is made. How often that happens depends on which threads a busy machine runs, so
    // time bounds the tries.
    const auto begun = std::chrono::steady_clock::now();
    int with_unread = 0;
    for (int stop = 0; with_unread < stops; ++stop) {
        INFO(stop << " stops, of which " << with_unread << " with requests that nobody had read");
        REQUIRE(since(begun) < std::chrono::seconds(60));
        Script script;
        script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) -> portico_status {
            if (line.number >= echoed) {
                consumed = data.size();
                return PORTICO_OK;
            }
            const portico_status status = script.send(line, data);
            if (status == PORTICO_WOULD_BLOCK) {
                return PORTICO_HOLD;
            }
            consumed = data.size();
            return status == PORTICO_OK || status == PORTICO_GONE ? PORTICO_OK : status;
        };
        std::vector<std::string> got(peers_count);
        std::vector<Peer::Outcome> outcomes(peers_count, Peer::Outcome::failed);
        std::vector<std::atomic<std::uint64_t>> sent(peers_count);
        // For the peers whose bytes come back: sent by them, and not yet by the plugin.
        const auto unanswered = [&] {
            std::uint64_t bytes = 0;
            for (std::size_t i = 0; i < echoed; ++i) {
                const std::uint64_t accepted = script.line(i)->accepted;
                bytes += sent[i] - std::min<std::uint64_t>(sent[i], accepted);
            }
            return bytes;
        };
        std::atomic<bool> done{false};
        std::uint64_t cut = 0;
        std::thread sender;  // the plugin's; it ends in destroy at the latest: see plugin.h
        script.on_destroy = [&] {
            if (sender.joinable()) {
                sender.join();
            }
        };
        {
            TestServer server(
                io_of(ports),
                {{"x", plugin, R"("limits": {"send_queue_bytes": 200000})", &script}});
            std::vector<Peer> peers;
            for (std::size_t i = 0; i < peers_count; ++i) {
                peers.push_back(server.connect("x"));
                // Accepted in the order of connecting, so that line i is peer i.
                REQUIRE(eventually([&] { return script.opened == i + 1; }));
            }
            std::vector<std::thread> threads;
            for (std::size_t i = 0; i < peers_count; ++i) {
                threads.emplace_back([&, i] {
                    for (std::uint64_t turn = 0; !done; ++turn) {
                        const std::string bytes = pattern(sent[i], 1 + turn * 6'151 % 30'000, i);
                        if (!peers[i].send_all(bytes)) {
                            return;
                        }
                        sent[i] += bytes.size();
                        if (i % 2 == 0) {
                            std::this_thread::sleep_for(std::chrono::microseconds(300));
                        }
                    }
                });
                // The reader reads to the end, and then finishes its side, as a client does.
                threads.emplace_back([&, i] {
                    got[i] = peers[i].receive_to_end(outcomes[i]);
                    peers[i].finish_sending();
                });
            }
            sender = std::thread([&] {
                std::uint64_t turn = 0;
                for (std::size_t gone = 0; gone < peers_count - echoed; ++turn) {
                    gone = 0;
                    for (std::size_t i = echoed; i < peers_count; ++i) {
                        Line& line = *script.line(i);
                        const std::string bytes = pattern(line.accepted, 1 + turn * 3'079 % 9'000,
                                                          i);
                        gone += script.send(line, bytes) == PORTICO_GONE ? 1 : 0;
                    }
                    std::this_thread::yield();
                }
            });
            CHECK(eventually([&] {
                const std::vector<Line*> lines = script.lines();
                return std::all_of(lines.begin(), lines.end(), [](const Line* line) {
                    return line->received + line->accepted > 20'000;
                });
            }));
            std::this_thread::sleep_for(std::chrono::microseconds(stop * 137 % 5'000));
            CHECK(eventually([&] { return unanswered() != 0; }));
            cut = server.stop().connections_cut;
            done = true;
            for (std::thread& thread : threads) {
                thread.join();
            }
        }
        INFO(ports << " " << plugin << ", stop " << stop);
        CHECK(cut == 0);
        std::uint64_t unread = 0;
        for (std::size_t i = 0; i < peers_count; ++i) {
            INFO("peer " << i << " outcome " << static_cast<int>(outcomes[i]) << " reason "
                         << script.line(i)->reason);
            // Anything may follow the last byte: an end, or a reset (because the peer sent
            // something too late).
            REQUIRE(got[i].size() == script.line(i)->accepted);
            REQUIRE(first_difference(got[i], 0, i) == std::string::npos);
            unread += i < echoed ? sent[i] - std::min<std::uint64_t>(sent[i], got[i].size()) : 0;
        }
        with_unread += unread != 0 ? 1 : 0;
    }
}

TEST_CASE("a stop with idle clients connected takes less than a second", "[stop]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#undrained", "relay#full", "relay#serial",
                                        "relay#blocking");
    // A stop that waited for one of its own deadlines would take a minute, and one that waited for
    // anything shorter would do so each time. If another program on this machine delays a stop, it
    // is repeated, up to ten in all.
    std::string figures;
    bool is_prompt = false;
    for (int turn = 0; turn < 10 && !is_prompt; ++turn) {
        Script script;
        const std::string limits =
            R"("limits": {"close_timeout_ms": 60000, "half_close_timeout_ms": 60000})";
        TestServer server(io_of(ports), {{"x", plugin, limits, &script}, {"echo", "echo", limits}},
                          R"("shutdown": {"drain_ms": 60000})");
        std::vector<Peer> peers;
        for (int i = 0; i < 50; ++i) {
            peers.push_back(server.connect(i % 2 == 0 ? "x" : "echo"));
        }
        REQUIRE(eventually([&] { return server.statistics().connections_open == 50; }));
        const auto begun = std::chrono::steady_clock::now();
        const StopResult result = server.stop();
        const auto took = since(begun);
        figures += " " + std::to_string(took.count());
        is_prompt = took < std::chrono::seconds(1);
        CHECK(result.connections_cut == 0);
        Peer::Outcome outcome{};
        CHECK(peers[0].receive_to_end(outcome).empty());
        CHECK(outcome == Peer::Outcome::end);
        CHECK(script.drains == (plugin == "relay#undrained" ? 0 : 25));
        CHECK(script.reasons[plugin == "relay#undrained" ? PORTICO_REASON_DRAIN
                                                         : PORTICO_REASON_PLUGIN] == 25);
    }
    INFO(ports << " " << plugin << ": took, in ms:" << figures);
    CHECK(is_prompt);
}

TEST_CASE("on_drain may finish its work; the deadline cuts connections that do not", "[stop]") {
    const std::string ports = ANY_PORTS();
    Script finishes;
    finishes.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                           std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        const portico_status status = finishes.send(line, data);
        return line.flag != 0 && data == "last" ? finishes.close(line) : status;
    };
    finishes.on_drain = [&](Line& line, const portico_draining& draining) {
        const std::uint64_t left_ns = draining.deadline_ns -
                                      finishes.host()->now(finishes.instance());
        if (left_ns > 700'000'000) {
            finishes.violated("the deadline is in " + std::to_string(left_ns) + " ns");
        }
        line.flag = 1;
        return finishes.send(line, "finish");
    };
    Script never;
    never.on_drain = [](Line&, const portico_draining&) { return PORTICO_OK; };
    Script fails;
    fails.on_drain = [](Line&, const portico_draining&) { return PORTICO_ERROR; };
    TestServer server(io_of(ports),
                      {{"finishes", "relay#full", "", &finishes},
                       {"never", "relay#full", "", &never},
                       {"fails", "relay#full", "", &fails}},
                      R"("shutdown": {"drain_ms": 700})");
    Peer one = server.connect("finishes");
    Peer two = server.connect("never");
    Peer three = server.connect("fails");
    REQUIRE(
        eventually([&] { return finishes.opened == 1 && never.opened == 1 && fails.opened == 1; }));
    bool told = false;
    std::thread client([&] {
        told = one.receive_exactly(6) == "finish" && echoes(one, "more") && echoes(one, "last");
        Peer::Outcome outcome{};
        static_cast<void>(one.receive_to_end(outcome));
        one.close();
    });
    const auto begun = std::chrono::steady_clock::now();
    const StopResult result = server.stop();
    const auto took = since(begun);
    client.join();
    CHECK(told);
    CHECK(result.connections_cut == 1);
    CHECK(took >= std::chrono::milliseconds(680));
    CHECK(took < std::chrono::seconds(5));
    CHECK(finishes.reasons[PORTICO_REASON_PLUGIN] == 1);
    CHECK(never.reasons[PORTICO_REASON_DRAIN_DEADLINE] == 1);
    CHECK(fails.reasons[PORTICO_REASON_PLUGIN_ERROR] == 1);
}

TEST_CASE("a peer that reads nothing does not delay a stop beyond the deadline", "[stop]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_open = [&](Line& line) { return script.send(line, std::string(8U << 20, 'm')); };
    TestServer server(io_of(ports), {{"x", "relay#undrained", "", &script}},
                      R"("shutdown": {"drain_ms": 300})");
    Peer peer = server.connect("x", 8'192);
    REQUIRE(eventually([&] { return script.opened == 1; }));
    const auto begun = std::chrono::steady_clock::now();
    CHECK(server.stop().connections_cut == 1);
    CHECK(since(begun) < std::chrono::seconds(5));
    CHECK(script.reasons[PORTICO_REASON_DRAIN_DEADLINE] == 1);
}

TEST_CASE("a shorter limit ends a running drain", "[stop]") {
    Script script;
    script.on_drain = [](Line&, const portico_draining&) { return PORTICO_OK; };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}},
                      R"("shutdown": {"drain_ms": 60000})");
    Peer peer = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    std::thread closer([&] {
        static_cast<void>(eventually([&] { return script.drains == 1; }));
        server.server.limit_drain(100);
    });
    const auto begun = std::chrono::steady_clock::now();
    CHECK(server.stop().connections_cut == 1);
    closer.join();
    CHECK(since(begun) < std::chrono::seconds(10));
}

TEST_CASE("two servers in one process share nothing and leave nothing", "[stop]") {
    const auto twice = [] {
        Script scripts[2];
        for (Script& script : scripts) {
            script.on_data = [&script](Line& line, std::string_view data, const portico_frame&,
                                       std::uint64_t& consumed) {
                consumed = data.size();
                return script.send(line, data);
            };
        }
        TestServer first(io_of("shared"),
                         {{"x", "relay#full", "", &scripts[0]}, {"echo", "echo", ""}});
        TestServer second(io_of("per_core"),
                          {{"x", "relay#blocking", "", &scripts[1]}, {"echo", "echo", ""}});
        for (TestServer* server : {&first, &second}) {
            for (const char* listener : {"x", "echo"}) {
                Peer peer = server->connect(listener);
                REQUIRE(echoes(peer, "both"));
            }
        }
        static_cast<void>(first.stop());
        Peer peer = second.connect("echo");
        REQUIRE(echoes(peer, "the other is unmoved"));
        Peer stays = second.connect("x");
        REQUIRE(echoes(stays, "until the end"));
        static_cast<void>(second.stop());
    };
    check_leaves_nothing(twice);
}

TEST_CASE("the default folder of plugins may be a relative one", "[stop]") {
    Server server;
    const std::filesystem::path folder = base::path_from_utf8(test_plugin_directory());
    server.set_default_plugin_directory(base::utf8_from_path(std::filesystem::relative(folder)));
    REQUIRE(server.configure_text(configuration_of("{}", {{"echo", "echo", ""}}, ""), "."));
    const bool is_fine = server.check(false);
    for (const std::string& error : server.errors()) {
        UNSCOPED_INFO(error);
    }
    CHECK(is_fine);
}

TEST_CASE("a server that has stopped can be configured and started again", "[stop]") {
    const std::string ports = ANY_PORTS();
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    for (int turn = 0; turn < 5; ++turn) {
        INFO("turn " << turn);
        if (turn % 2 == 0) {
            REQUIRE(server.configure_text(
                configuration_of(io_of(ports), {{"echo", "echo", ""}}, ""), "."));
        }
        REQUIRE(server.start());
        CHECK(server.statistics().connections_accepted == 0);
        io::Address address;
        address.family = io::Address::Family::v4;
        address.bytes = {127, 0, 0, 1};
        address.port = server.endpoints().at(0).port;
        Peer peer;
        REQUIRE(peer.connect(address));
        CHECK(echoes(peer, "again"));
        server.stop();
        static_cast<void>(server.wait());
        CHECK(server.statistics().waits == 0);
        Peer late;
        CHECK_FALSE(late.connect(address));
    }
}

TEST_CASE("a stop gives up a callback that does not return, and frees nothing that it may touch",
          "[stop]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#blocking");
    // The callback's data, like the server's parts, outlives everything here.
    struct Stuck {
        Script script;
        std::atomic<bool> entered{false};
        std::atomic<bool> released{false};
        std::atomic<bool> returned{false};
    };
    static std::vector<Stuck*> kept;
    kept.push_back(new Stuck);
    Stuck& stuck = *kept.back();
    stuck.script.on_data = [&stuck](Line& line, std::string_view data, const portico_frame&,
                                    std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        stuck.entered = true;
        while (!stuck.released) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        // The host's functions and the connection are still there.
        static_cast<void>(stuck.script.send(line, "too late"));
        static_cast<void>(stuck.script.close(line));
        stuck.returned = true;
        return PORTICO_OK;
    };
    auto server = std::make_unique<Server>();
    server->set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server->configure_text(
        configuration_of(io_of(ports), {{"x", plugin, "", &stuck.script}, {"echo", "echo", ""}},
                         R"("shutdown": {"drain_ms": 200})"),
        "."));
    REQUIRE(server->start());
    const auto connect = [&](Peer& peer, std::size_t endpoint) {
        io::Address address;
        address.family = io::Address::Family::v4;
        address.bytes = {127, 0, 0, 1};
        address.port = server->endpoints().at(endpoint).port;
        REQUIRE(peer.connect(address));
    };
    Peer other;
    connect(other, 1);
    REQUIRE(echoes(other, "before"));
    Peer peer;
    connect(peer, 0);
    REQUIRE(peer.send_all("x"));
    REQUIRE(eventually([&] { return stuck.entered.load(); }));
    const auto begun = std::chrono::steady_clock::now();
    server->stop();
    const StopResult result = server->wait();
    const auto took = since(begun);
    INFO(ports << " " << plugin << ": took " << took.count() << " ms");
    CHECK(result.stuck);
    CHECK(result.connections_cut >= 1);
    CHECK(took >= std::chrono::milliseconds(1'100));
    CHECK(took < std::chrono::seconds(10));
    REQUIRE(server->errors().size() == 1);
    CHECK(server->errors()[0].find("plugin \"" + plugin +
                                   "\", listener \"x\": on_data of connection ") !=
          std::string::npos);
    CHECK_FALSE(server->start());
    CHECK_FALSE(server->check(false));
    CHECK(server->errors()[0].find("cannot be used again") != std::string::npos);
    CHECK(server->statistics().connections_open == 0);
    server.reset();
    stuck.released = true;
    CHECK(eventually([&] { return stuck.returned.load(); }));
    CHECK(eventually([&] { return stuck.script.closed == 1; }));
    CHECK(stuck.script.destroys == 0);
}

TEST_CASE("a stop waits for a callback that takes long but returns", "[stop]") {
    Script script;
    script.on_data = [](Line&, std::string_view data, const portico_frame&,
                        std::uint64_t& consumed) {
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        consumed = data.size();
        return PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}},
                      R"("shutdown": {"drain_ms": 100})");
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("x"));
    REQUIRE(eventually([&] { return script.inside == 1; }));
    CHECK_FALSE(server.stop().stuck);
    CHECK(script.destroys == 1);
}

TEST_CASE("a server that is destroyed while it serves stops first", "[stop]") {
    Script script;
    Peer peer;
    {
        TestServer server(io_of("shared"), {{"x", "relay#undrained", "", &script}});
        peer = server.connect("x");
        REQUIRE(eventually([&] { return script.opened == 1; }));
        // No stop(): the destructor of Server stops it.
        server.forget();
    }
    CHECK(script.destroys == 1);
    CHECK(script.reasons[PORTICO_REASON_DRAIN] == 1);
}

TEST_CASE("a start that fails leaves nothing behind", "[stop]") {
    const auto start_and_fail = [] {
        Script good;
        Script bad;
        bad.on_create = [](Script&) { return PORTICO_LIMIT; };
        // Functions that the good one posted to itself still run, before its destroy.
        std::atomic<int> ran{0};
        good.on_create = [&](Script& self) {
            return self.post_instance(
                [](void*, portico_connection, void*, void* count, portico_status) {
                    ++*static_cast<std::atomic<int>*>(count);
                },
                &ran);
        };
        Server server;
        server.set_default_plugin_directory(test_plugin_directory());
        REQUIRE(server.configure_text(
            configuration_of(io_of("shared"),
                             {{"good", "relay#full", "", &good}, {"bad", "relay#full", "", &bad}},
                             ""),
            "."));
        CHECK_FALSE(server.start());
        REQUIRE(server.errors().size() == 1);
        CHECK(server.errors()[0].find("\"bad\"") != std::string::npos);
        CHECK(good.creates == 1);
        CHECK(good.destroys == 1);
        CHECK(ran == 1);
        CHECK(bad.destroys == 0);
        CHECK(good.violations() == "");
        CHECK(server.endpoints().empty());
    };
    check_leaves_nothing(start_and_fail);
}
