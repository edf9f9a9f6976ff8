// Sending: watermarks, slow readers, the guarantees of on_writable, other threads.
#include <algorithm>
#include <cstdio>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

constexpr std::uint64_t queue_bytes = 262'144;
const std::string queue_limit = R"("limits": {"send_queue_bytes": 262144})";

}  // namespace

TEST_CASE("a slow reader is held back by the watermark, others go on, and everything arrives",
          "[flow]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<std::uint64_t> most{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        // An earlier, longer message may have gone past the watermark.
        line.flag = std::max<std::uint64_t>(line.flag, data.size());
        const portico_status status = script.send(line, data);
        const std::uint64_t queued = script.queued_bytes(line);
        if (queued != UINT64_MAX && queued > most) {
            most = queued;  // one connection sends most; the others' few bytes do not matter
        }
        if (queued != UINT64_MAX && queued > queue_bytes + line.flag) {
            script.violated("queued " + std::to_string(queued) +
                            " bytes, the longest message has " + std::to_string(line.flag));
        }
        if (status == PORTICO_WOULD_BLOCK) {
            return PORTICO_HOLD;
        }
        consumed = data.size();
        return status;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", queue_limit, &script}});
    const std::size_t total = sanitized ? 24'000'000 : on_windows ? 48'000'000 : 96'000'000;
    Peer other = server.connect("x");
    REQUIRE(echoes(other, "warm"));
    const std::string all = pattern(0, total);
    Peer slow = server.connect("x", 16'384, 16'384);
    const std::size_t before = resident_bytes();
    {
        Sender sender(slow, all);
        // Nothing is read: the flood stops when the buffers of both sides are full. Others are
        // served meanwhile.
        Line* line = nullptr;
        REQUIRE(
            eventually([&] { return (line = script.line(1)) != nullptr && line->blocked > 0; }));
        for (int i = 0; i < 200; ++i) {
            REQUIRE(echoes(other, "meanwhile " + std::to_string(i)));
        }
        CHECK(most >= queue_bytes);
        CHECK(script.queued_bytes(*line) <= queue_bytes + 65'536);
        if (!sanitized) {
            const std::size_t now = resident_bytes();
            const std::size_t grown = now - std::min(before, now);
            WARN(ports << ": the process grew by " << grown / 1'024 << " KiB, of " << total / 1'024
                       << " KiB that are under way");
            CHECK(grown < 4U << 20);  // the queue is 256 KiB
        }
        // Slowly at first, in small pieces, then at once.
        std::string back;
        for (int bite = 0; bite < 100; ++bite) {
            back += slow.receive_exactly(1'000);
        }
        REQUIRE(echoes(other, "still"));
        std::string rest = slow.receive_exactly(total - back.size());
        CHECK(back.size() + rest.size() == total);
        CHECK(back == std::string_view(all).substr(0, back.size()));
        CHECK(rest == std::string_view(all).substr(back.size()));
        CHECK(sender.join());
    }
    slow.close();
    other.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("each blockage is followed by exactly one on_writable", "[flow]") {
    const std::string ports = ANY_PORTS();
    const std::size_t message = GENERATE(1'000, 100'000, 400'000);
    Script script;
    const std::size_t total = (sanitized ? 10U : 40U) << 20;
    // Sends until it is refused; continues in on_writable.
    const auto flood = [&](Line& line) -> portico_status {
        while (line.accepted < total) {
            const std::string bytes = pattern(
                line.accepted, std::min<std::size_t>(message, total - line.accepted));
            const portico_status status = script.send(line, bytes);
            if (status == PORTICO_WOULD_BLOCK) {
                // Refused again and again: still one blockage.
                if (script.send(line, bytes) == PORTICO_OK) {
                    script.violated("a send was accepted on the strand right after a refusal");
                }
                ++line.flag;
                return PORTICO_OK;
            }
            if (status < 0) {
                return status;
            }
        }
        return script.close(line);
    };
    script.on_open = flood;
    script.on_writable = [&](Line& line) -> portico_status {
        const std::uint64_t queued = script.queued_bytes(line);
        if (queued >= queue_bytes / 2 && queued != 0) {
            script.violated("on_writable with " + std::to_string(queued) + " bytes queued");
        }
        if (line.writables != line.flag) {
            script.violated("on_writable without a blockage");
        }
        return flood(line);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", queue_limit, &script}});
    Peer peer = server.connect("x");
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == total);
    CHECK(first_difference(all, 0) == std::string::npos);
    peer.close();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->flag > 0);
    CHECK(script.line(0)->writables == script.line(0)->flag);
    CHECK(server.comes_to_rest());
}

TEST_CASE("connections whose queues are refilled at once do not keep others waiting", "[flow]") {
    // Either one connection's own on_writable fills its queue again, or each of two connections on
    // one strand fills the other's.
    const bool each_other = GENERATE(false, true);
    CAPTURE(each_other);
    // One worker waits in a callback until the system has the quiet connection's message. From then
    // on only the turns decide how often the queues are filled before that message is read. The
    // system has room for far more fills.
    constexpr std::uint64_t refills_max = 5'000;
    constexpr std::uint64_t refills_meanwhile_max = 200;
    Script script;
    Script quiet_script;
    std::atomic<bool> is_inside{false};
    std::atomic<bool> may_begin{false};
    std::atomic<std::uint64_t> refills{0};
    std::atomic<std::uint64_t> refills_meanwhile{UINT64_MAX};
    const auto refill = [&](Line& line) -> portico_status {
        Line& filled = each_other ? *script.line(1 - line.number) : line;
        if (++refills == refills_max) {
            script.close(*script.line(0));
            return script.close(*script.line(1));
        }
        const std::string bytes(64, 'f');
        while (refills < refills_max && script.send(filled, bytes) == PORTICO_OK) {
        }
        return PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        is_inside = true;
        return eventually([&] { return may_begin.load(); }) ? refill(line) : PORTICO_ERROR;
    };
    script.on_writable = refill;
    quiet_script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                               std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        refills_meanwhile = refills.load();
        return quiet_script.send(line, data);
    };
    TestServer server(R"({"ports": "per_core", "threads": 1})",
                      {{"x", each_other ? "relay#serial" : "relay#full",
                        R"("limits": {"send_queue_bytes": 64})", &script},
                       {"quiet", "relay#full", "", &quiet_script}});
    Peer first = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 1; }));
    Peer second = server.connect("x");
    REQUIRE(eventually([&] { return script.opened == 2; }));
    Peer quiet = server.connect("quiet");
    REQUIRE(echoes(quiet, "warm"));
    REQUIRE(first.send_all("begin"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    REQUIRE(quiet.send_all("meanwhile"));
    may_begin = true;
    std::string received_by_second;
    Peer::Outcome second_outcome{};
    std::thread reader([&] { received_by_second = second.receive_to_end(second_outcome); });
    Peer::Outcome outcome{};
    const std::string received = first.receive_to_end(outcome);
    reader.join();
    CHECK(outcome == Peer::Outcome::end);
    CHECK(second_outcome == Peer::Outcome::end);
    CHECK(received.size() + received_by_second.size() == 64 * (refills_max - 1));
    CHECK(quiet.receive_exactly(9) == "meanwhile");
    CHECK(refills_meanwhile < refills_meanwhile_max);
    first.close();
    second.close();
    quiet.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE(
    "a message above the limit is too large, an empty one does nothing, a NULL one is invalid",
    "[flow]") {
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        const std::string large(1'001, 'l');
        if (script.send(line, large) != PORTICO_TOO_LARGE) script.violated("1001 bytes");
        if (script.send(line, "") != PORTICO_OK) script.violated("0 bytes");
        if (script.host()->send(script.instance(), line.handle, nullptr, 0) != PORTICO_OK)
            script.violated("NULL and 0");
        if (script.host()->send(script.instance(), line.handle, nullptr, 1) != PORTICO_INVALID)
            script.violated("NULL and 1");
        return script.send(line, std::string_view(large).substr(1));
    };
    TestServer server(io_of("per_core"),
                      {{"x", "relay#full", R"("limits": {"max_send_bytes": 1000})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("?"));
    CHECK(peer.receive_exactly(1'000) == std::string(1'000, 'l'));
}

TEST_CASE("sends of another thread keep their order", "[flow]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial");
    Script script;
    TestServer server(io_of(ports), {{"x", plugin, queue_limit, &script}});
    constexpr std::size_t peers_count = 4;
    const std::size_t total = (sanitized ? 2U : 8U) << 20;
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < peers_count; ++i) {
        peers.push_back(server.connect("x"));
    }
    REQUIRE(eventually([&] { return script.opened == peers_count; }));
    // A thread of the plugin's own sends 1 to 9,999 bytes to each, and waits for on_writable if it
    // is refused.
    std::thread sender([&] {
        const std::vector<Line*> lines = script.lines();
        std::uint64_t round = 0;
        for (bool all_done = false; !all_done; ++round) {
            all_done = true;
            bool moved = false;
            for (Line* line : lines) {
                if (line->accepted < total) {
                    all_done = false;
                    const std::size_t size = std::min<std::size_t>(1 + round * 7'919 % 9'999,
                                                                   total - line->accepted);
                    moved = script.send(*line, pattern(line->accepted, size)) == PORTICO_OK ||
                            moved;
                }
            }
            if (!moved && !all_done) {
                std::this_thread::yield();
            }
        }
        for (Line* line : lines) {
            // After a refusal on_writable or on_close is owed. The test waits before the close, so
            // that it is on_writable.
            static_cast<void>(
                eventually([&] { return line->blocked == 0 || line->writables != 0; }));
            static_cast<void>(script.close(*line));
        }
    });
    std::vector<std::string> got(peers_count);
    std::vector<Peer::Outcome> outcomes(peers_count);
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < peers_count; ++i) {
        readers.emplace_back([&, i] { got[i] = peers[i].receive_to_end(outcomes[i]); });
    }
    sender.join();
    for (std::thread& reader : readers) {
        reader.join();
    }
    for (std::size_t i = 0; i < peers_count; ++i) {
        CHECK(outcomes[i] == Peer::Outcome::end);
        CHECK(got[i].size() == total);
        CHECK(first_difference(got[i], 0) == std::string::npos);
    }
    for (Line* line : script.lines()) {
        // Another thread's refusals may be part of one blockage, but no on_writable comes without a
        // refusal.
        CHECK(line->writables <= line->blocked);
        CHECK((line->blocked == 0) == (line->writables == 0));
    }
    peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE(
    "small sends to a strand that is stuck in a callback do not take many times the queue's memory",
    "[flow]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<bool> is_inside{false};
    std::atomic<bool> may_go_on{false};
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        is_inside = true;
        return eventually([&] { return may_go_on.load(); }) ? PORTICO_OK : PORTICO_ERROR;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", queue_limit, &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("stick"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    // This is another thread. Each send takes 49 bytes, plus the allocator's header, until it
    // arrives.
    Line& line = *script.line(0);
    while (script.send(line, pattern(line.accepted, 1)) == PORTICO_OK) {
    }
    CHECK(line.blocked == 1);
    CHECK(line.accepted <= queue_bytes / 49 + 1);
    CHECK(line.accepted >= queue_bytes / 128);
    may_go_on = true;
    const std::string got = peer.receive_exactly(line.accepted);
    CHECK(got.size() == line.accepted);
    CHECK(first_difference(got, 0) == std::string::npos);
    CHECK(eventually([&] { return line.writables == 1; }));
    // An empty queue takes a message of its whole size, even from another thread.
    CHECK(eventually([&] { return script.queued_bytes(line) == 0; }));
    is_inside = may_go_on = false;
    REQUIRE(peer.send_all("stick"));
    REQUIRE(eventually([&] { return is_inside.load(); }));
    const std::uint64_t before = line.accepted;
    CHECK(script.send(line, pattern(before, queue_bytes)) == PORTICO_OK);
    CHECK(script.send(line, "x") == PORTICO_WOULD_BLOCK);
    may_go_on = true;
    CHECK(first_difference(peer.receive_exactly(queue_bytes), before) == std::string::npos);
    CHECK(line.accepted == before + queue_bytes);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("messages sent from other connections' callbacks arrive whole and in each sender's order",
          "[flow]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial");
    Script script;
    // This is a broadcast: every message goes to every connection. Messages are lines "SENDER
    // NUMBER".
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        for (Line* other : script.lines()) {
            const portico_status status = script.send(*other, data);
            if (status != PORTICO_OK) {
                script.violated("broadcast: " + std::to_string(status));
            }
        }
        consumed = data.size();
        return PORTICO_OK;
    };
    constexpr int peers_count = 8;
    constexpr int messages = sanitized ? 100 : 400;
    {
        TestServer server(
            io_of(ports),
            {{"x", plugin,
              R"("framing": {"type": "delimiter"}, "limits": {"send_queue_bytes": 16777216})",
              &script}});
        std::vector<Peer> peers;
        for (int i = 0; i < peers_count; ++i) {
            peers.push_back(server.connect("x"));
        }
        REQUIRE(eventually([&] { return script.opened == peers_count; }));
        std::size_t bytes = 0;
        std::vector<std::string> texts(peers_count);
        for (int i = 0; i < peers_count; ++i) {
            for (int n = 0; n < messages; ++n) {
                texts[static_cast<std::size_t>(i)] += std::to_string(i) + " " + std::to_string(n) +
                                                      "\n";
            }
            bytes += texts[static_cast<std::size_t>(i)].size();
        }
        std::vector<std::string> got(peers_count);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < peers_count; ++i) {
            threads.emplace_back([&, i] { static_cast<void>(peers[i].send_all(texts[i])); });
            threads.emplace_back([&, i] { got[i] = peers[i].receive_exactly(bytes); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (const std::string& all : got) {
            REQUIRE(all.size() == bytes);
            std::vector<int> next(peers_count, 0);
            int wrong = 0;
            std::size_t at = 0;
            while (at < all.size()) {
                const std::size_t end = all.find('\n', at);
                int from = -1;
                int number = -1;
                const std::string one = all.substr(at, end - at);
                if (std::sscanf(one.c_str(), "%d %d", &from, &number) != 2 || from < 0 ||
                    from >= peers_count || number != next[static_cast<std::size_t>(from)]++) {
                    ++wrong;
                }
                at = end + 1;
            }
            CHECK(wrong == 0);
        }
    }
}
