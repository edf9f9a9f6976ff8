// Peers and callbacks of unusual timing: peers that read steadily but slowly, long callbacks,
// clients that come one by one and stay, connections that are held while others must be served.
#include <algorithm>
#include <map>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Reads `total` bytes at a steady rate and notes its own longest pause. The host can be judged only
// if that was short.
struct SteadyReader {
    Peer& peer;
    std::size_t total;
    std::size_t bytes_each_10_ms;

    std::size_t got = 0;
    bool is_right = true;
    Peer::Outcome outcome = Peer::Outcome::data;
    milliseconds longest_pause{0};

    void run(std::uint64_t stream) {
        std::string room(bytes_each_10_ms, '\0');
        auto last = steady_clock::now();
        auto next = last;
        while (got < total && outcome == Peer::Outcome::data) {
            next += milliseconds(10);
            std::this_thread::sleep_until(next);
            const auto now = steady_clock::now();
            longest_pause = std::max(longest_pause,
                                     std::chrono::duration_cast<milliseconds>(now - last));
            last = now;
            const Peer::Received part = peer.receive(
                std::span(room).first(std::min(room.size(), total - got)));
            outcome = part.outcome;
            is_right = is_right && first_difference({room.data(), part.bytes}, got, stream) ==
                                       std::string::npos;
            got += part.bytes;
        }
    }
};

// A gate at which callbacks wait. A test that fails opens it too.
class Gate {
public:
    ~Gate() { open(); }
    void open() { is_open_ = true; }
    void wait() const {
        while (!is_open_) {
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

private:
    std::atomic<bool> is_open_{false};
};

// Several workers, with a port each or one for all.
std::string two_workers(std::string_view ports) {
    return io_of(ports, ports == "shared" ? 4 : 2);
}

}  // namespace

TEST_CASE("a peer that reads steadily but slowly gets everything, whatever timeout is running",
          "[timing]") {
    const std::string ports = ANY_PORTS();
    if (is_wine()) {
        return;  // no report of acknowledged bytes (SIO_TCP_INFO)
    }
    // More than the system's buffers take, so room to send comes in steps that last longer than the
    // timeouts.
    constexpr std::size_t reply = 6U << 20;
    constexpr std::size_t each_10_ms = 20'000;
    constexpr int tries = 5;
    // The event that ends the reply: the plugin's close, the peer's end, or the idle timeout.
    const char* const names[] = {"flushing", "half_close", "idle"};
    const std::string timeouts[] = {R"("close_timeout_ms": 300)", R"("half_close_timeout_ms": 300)",
                                    R"("idle_timeout_ms": 300)"};
    std::array<Script, 3> scripts;
    std::vector<ListenerSpec> listeners;
    const auto answer = [&](Script& script, Line& line) {
        while (line.accepted < reply) {
            if (script.send(line, pattern(line.accepted, 65'536, line.number)) != PORTICO_OK) {
                script.violated("send");
                break;
            }
        }
    };
    for (std::size_t i = 0; i < scripts.size(); ++i) {
        listeners.push_back({names[i], "relay#full",
                             R"("limits": {"send_queue_bytes": 67108864, )" + timeouts[i] + "}",
                             &scripts[i]});
    }
    scripts[0].on_data = [&](Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) {
        consumed = data.size();
        answer(scripts[0], line);
        return scripts[0].close(line);
    };
    scripts[1].on_end = [&](Line& line, const portico_ended&) -> portico_status {
        answer(scripts[1], line);
        return PORTICO_OK;
    };
    scripts[2].on_data = [&](Line& line, std::string_view data, const portico_frame&,
                             std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        answer(scripts[2], line);
        return PORTICO_OK;
    };
    TestServer server(two_workers(ports), listeners);
    // All three at once.
    std::vector<std::thread> readers;
    std::array<std::string, 3> verdicts;
    for (std::size_t i = 0; i < scripts.size(); ++i) {
        readers.emplace_back([&, i] {
            for (int attempt = 0; attempt < tries; ++attempt) {
                Peer peer;
                if (!peer.connect(server.address(names[i]), 16'384) || !peer.send_all("?")) {
                    verdicts[i] = "not connected";
                    return;
                }
                if (i == 1) {
                    peer.finish_sending();
                }
                SteadyReader reader{peer, reply, each_10_ms};
                reader.run(static_cast<std::uint64_t>(attempt));
                if (reader.got == reply && reader.is_right) {
                    verdicts[i].clear();
                    return;
                }
                verdicts[i] = std::to_string(reader.got) + " bytes, longest pause " +
                              std::to_string(reader.longest_pause.count()) + " ms";
                if (reader.longest_pause < milliseconds(100)) {
                    return;
                }
            }
        });
    }
    for (std::thread& reader : readers) {
        reader.join();
    }
    for (std::size_t i = 0; i < scripts.size(); ++i) {
        CAPTURE(names[i]);
        CHECK(verdicts[i] == "");
    }
}

TEST_CASE("an idle peer is closed although its worker is always late", "[timing]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        std::this_thread::sleep_for(milliseconds(15));
        return script.send(line, data);
    };
    // One worker, or as few as possible: rounds take longer than a delay that earns one more
    // chance.
    TestServer server(
        io_of(ports, 1),
        {{"x", "relay#full", R"("limits": {"idle_timeout_ms": 300, "half_close_timeout_ms": 300})",
          &script}});
    std::atomic<bool> over{false};
    std::vector<std::thread> busy;
    for (int i = 0; i < 12; ++i) {
        busy.emplace_back([&] {
            Peer peer;
            while (!over && (peer.is_open() || peer.connect(server.address("x"))) &&
                   echoes(peer, "busy")) {
            }
        });
    }
    Peer idle = server.connect("x");
    std::string rest;
    Peer::Outcome outcome = Peer::Outcome::failed;
    const auto begun = steady_clock::now();
    rest = idle.receive_to_end(outcome);
    const auto took = steady_clock::now() - begun;
    over = true;
    for (std::thread& thread : busy) {
        thread.join();
    }
    CHECK(outcome == Peer::Outcome::end);
    CHECK(took >= milliseconds(250));
    CHECK(took < milliseconds(8'000));
}

TEST_CASE("a new client never waits for a busy worker while another one is idle", "[timing]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Gate gate;
    std::atomic<int> waiting{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        if (data == "wait") {
            ++waiting;
            gate.wait();
        }
        return script.send(line, data);
    };
    TestServer server(two_workers(ports),
                      {{"x", "relay#full", R"("limits": {"connections": 8})", &script}});
    Peer busy = server.connect("x");
    REQUIRE(echoes(busy, "hello"));
    REQUIRE(busy.send_all("wait"));
    REQUIRE(eventually([&] { return waiting == 1; }));
    // Up to the limit, and beyond it.
    std::vector<Peer> clients;
    for (int i = 0; i < 7; ++i) {
        clients.push_back(server.connect("x"));
        CHECK(echoes(clients.back(), "new"));
    }
    Peer one_too_many = server.connect("x");
    REQUIRE(one_too_many.send_all("late"));
    CHECK(one_too_many.is_quiet_for(30));
    clients.pop_back();
    CHECK(one_too_many.receive_exactly(4) == "late");
    CHECK(waiting == 1);
    gate.open();
    CHECK(busy.receive_exactly(4) == "wait");
}

TEST_CASE("one worker with slow callbacks admits several clients between two turns", "[timing]") {
    const std::string ports = ANY_PORTS();
    constexpr int busy_clients = 8;
    constexpr int new_clients = 64;
    Script script;
    std::atomic<int> calls{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        ++calls;
        std::this_thread::sleep_for(milliseconds(5));
        return script.send(line, data);
    };
    TestServer server(io_of(ports, 1), {{"x", "relay#full", "", &script}});
    std::atomic<bool> over{false};
    std::vector<std::thread> talkers;
    std::atomic<int> talking{0};
    for (int i = 0; i < busy_clients; ++i) {
        talkers.emplace_back([&, peer = server.connect("x")]() mutable {
            bool is_well = echoes(peer, "x");
            ++talking;
            while (is_well && !over) {
                is_well = echoes(peer, "x");
            }
        });
    }
    CHECK(eventually([&] { return talking == busy_clients; }));
    const int calls_before = calls;
    std::vector<Peer> clients(new_clients);
    bool connected = true;
    for (Peer& client : clients) {
        connected = connected && client.connect(server.address("x"));
    }
    const bool all_admitted = eventually(
        [&] { return script.opened == busy_clients + new_clients; });
    const int calls_meanwhile = calls - calls_before;
    over = true;
    for (std::thread& talker : talkers) {
        talker.join();
    }
    CHECK(connected);
    CHECK(all_admitted);
    // In each turn of all busy clients the port admits sixteen new ones: 32 calls, and some more
    // for connecting. Two a turn would make 256.
    CHECK(calls_meanwhile <= 128);
}

// The clients came while all workers were busy. The first worker that comes back must not take them
// all: it cannot know how long their on_open takes.
TEST_CASE("new clients never wait for another one's on_open while a worker is idle", "[timing]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Gate gates[2];
    Gate opening;
    std::atomic<int> waiting{0};
    std::atomic<bool> is_slow{false};
    script.on_open = [&](Line&) -> portico_status {
        if (is_slow.exchange(false)) {
            ++waiting;
            opening.wait();
        }
        return PORTICO_OK;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        if (data == "wait") {
            ++waiting;
            gates[line.number].wait();
        }
        return script.send(line, data);
    };
    TestServer server(two_workers(ports), {{"x", "relay#full", "", &script}});
    std::vector<Peer> busy;
    for (int i = 0; i < 2; ++i) {
        busy.push_back(server.connect("x"));
        REQUIRE(echoes(busy.back(), "hello"));
    }
    if (ports == "shared") {
        busy.pop_back();  // several threads share one port: there is no list for each
    } else {
        REQUIRE(busy[1].send_all("wait"));
    }
    REQUIRE(busy[0].send_all("wait"));
    REQUIRE(eventually([&] { return waiting == static_cast<int>(busy.size()); }));
    is_slow = true;
    constexpr std::uint64_t clients = 12;
    std::vector<Peer> peers;
    for (std::uint64_t i = 0; i < clients; ++i) {
        peers.push_back(server.connect("x"));
    }
    REQUIRE(eventually([&] { return server.statistics().connections_accepted == 2 + clients; }));
    gates[0].open();
    REQUIRE(eventually([&] { return waiting == static_cast<int>(busy.size()) + 1; }));
    gates[1].open();
    CHECK(eventually([&] { return script.opened == 2 + clients - 1; }, milliseconds(5'000)));
    opening.open();
    CHECK(eventually([&] { return script.opened == 2 + clients; }));
}

namespace {

// The connections of each worker after `clients` have come and stayed.
std::map<std::uint32_t, int> placed(const std::string& ports, int workers, int clients,
                                    bool at_once) {
    Script script;
    std::mutex mutex;
    std::map<std::uint32_t, int> counts;
    script.on_open = [&](Line&) -> portico_status {
        const std::scoped_lock lock(mutex);
        ++counts[script.host()->worker_index(script.instance())];
        return PORTICO_OK;
    };
    TestServer server(io_of(ports, workers), {{"x", "relay#full", "", &script}});
    std::vector<Peer> peers;
    for (int i = 1; i <= clients; ++i) {
        peers.push_back(server.connect("x"));
        if (!at_once || i == clients) {
            REQUIRE(eventually([&] { return script.opened == static_cast<std::uint64_t>(i); }));
        }
    }
    const std::scoped_lock lock(mutex);
    return counts;
}

}  // namespace

TEST_CASE("clients that come one by one and stay are spread over the ports", "[timing]") {
    const std::string ports = ANY_PORTS();
    if (ports == "shared") {
        return;  // one port for all
    }
    const int workers = GENERATE(2, 4);
    const bool at_once = GENERATE(false, true);
    constexpr int clients = 64;
    // One by one, the counts differ by at most one; at once, by 10 %.
    const int even = clients / workers;
    const int least = at_once ? even * 9 / 10 - 1 : even - 1;
    const int most = at_once ? even * 11 / 10 + 1 : even + 1;
    // A port whose thread did not come back for 10 ms is passed over, as it must be, and a busy
    // machine lets a thread stand still for longer than that now and then. But not each time.
    constexpr int tries = 10;
    std::string seen;
    bool is_spread = false;
    for (int i = 0; i < tries && !is_spread; ++i) {
        const std::map<std::uint32_t, int> counts = placed(ports, workers, clients, at_once);
        is_spread = counts.size() == static_cast<std::size_t>(workers);
        for (const auto& [worker, count] : counts) {
            is_spread = is_spread && count >= least && count <= most;
            seen += std::to_string(count) + " ";
        }
        seen += "| ";
    }
    INFO("connections of each worker, try by try: " << seen);
    CHECK(is_spread);
}

TEST_CASE("finished replies do not wait for a callback that takes long", "[timing]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Gate first;
    Gate second;
    std::atomic<int> waiting{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        if (data == "first") {
            ++waiting;
            first.wait();
        } else if (data == "second") {
            ++waiting;
            second.wait();
        }
        return script.send(line, data);
    };
    TestServer server(io_of(ports, 1), {{"x", "relay#full", "", &script}});
    std::vector<Peer> peers;
    for (int i = 0; i < 6; ++i) {
        peers.push_back(server.connect("x"));
        REQUIRE(echoes(peers.back(), "hello"));
    }
    // While one callback waits, four others ask, and after them one whose callback will wait too: a
    // batch.
    REQUIRE(peers[0].send_all("first"));
    REQUIRE(eventually([&] { return waiting == 1; }));
    // long enough to be a long callback; there is no condition to wait for
    std::this_thread::sleep_for(milliseconds(5));
    for (int i = 1; i <= 4; ++i) {
        REQUIRE(peers[static_cast<std::size_t>(i)].send_all("quick"));
    }
    REQUIRE(peers[5].send_all("second"));
    first.open();
    for (int i = 1; i <= 4; ++i) {
        CHECK(peers[static_cast<std::size_t>(i)].receive_exactly(5) == "quick");
    }
    CHECK(peers[0].receive_exactly(5) == "first");
    second.open();
    CHECK(peers[5].receive_exactly(6) == "second");
}

TEST_CASE("connections that are held never starve others, however many there are", "[timing]") {
    const std::string ports = ANY_PORTS();
    const bool pauses = GENERATE(false, true);
    Script script;
    script.on_data = [&](Line& line, std::string_view, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = 0;
        ++line.offers;
        if (pauses) {
            static_cast<void>(script.pause(line));
            return PORTICO_OK;
        }
        return PORTICO_HOLD;
    };
    std::string io = io_of(ports, 1);
    io.insert(io.rfind('}'), R"(, "receive_buffers": 64, "receive_buffer_bytes": 4096)");
    TestServer server(io, {{"held", "relay#full", "", &script}, {"echo", "echo", ""}});
    std::vector<Peer> held;
    for (int i = 0; i < 200; ++i) {
        held.push_back(server.connect("held"));
        REQUIRE(held.back().send_all("a"));
    }
    REQUIRE(eventually([&] {
        const auto lines = script.lines();
        return lines.size() == held.size() &&
               std::all_of(lines.begin(), lines.end(),
                           [](const Line* line) { return line->offers != 0; });
    }));
    for (Peer& peer : held) {
        REQUIRE(peer.send_all("b"));
    }
    for (int i = 0; i < 3; ++i) {
        Peer other = server.connect("echo");
        CHECK(echoes(other, pattern(0, 20'000)));
    }
    CHECK(server.statistics().receive_buffers_in_use <= 32);
}
