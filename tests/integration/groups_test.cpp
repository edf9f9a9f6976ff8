// The list of an instance's connections, groups of them, and broadcasts.
#include <algorithm>
#include <mutex>
#include <set>

#include "integration/service.hpp"

#include "portico/ext/connections.h"

using namespace portico;
using namespace portico::test;

namespace {

// Messages have one size and their number in them, so that a lost, doubled or misplaced one shows.
constexpr std::size_t message_bytes = 16;

std::string message(std::uint64_t number, std::size_t bytes = message_bytes) {
    std::string text = std::to_string(number);
    text.insert(0, 12 - std::min<std::size_t>(text.size(), 12), '0');
    text.resize(bytes - 1, '.');
    return text + '\n';
}
std::uint64_t number_of(std::string_view text) {
    return text.size() < 12 ? UINT64_MAX : std::stoull(std::string(text.substr(0, 12)));
}
// The numbers of all messages in a stream. The last one is UINT64_MAX if the stream ends in the
// middle of one.
std::vector<std::uint64_t> numbers_in(std::string_view stream, std::size_t bytes = message_bytes) {
    std::vector<std::uint64_t> numbers;
    for (; stream.size() >= bytes; stream.remove_prefix(bytes)) {
        const std::uint64_t number = number_of(stream);
        numbers.push_back(stream.substr(0, bytes) == message(number, bytes) ? number : UINT64_MAX);
    }
    if (!stream.empty()) {
        numbers.push_back(UINT64_MAX);
    }
    return numbers;
}

class Groups {
public:
    explicit Groups(Script& script) : script_(script) {}

    [[nodiscard]] const portico_connections& table() const {
        return *script_.extension<portico_connections>(PORTICO_EXT_CONNECTIONS);
    }
    portico_status join(portico_connection connection, std::uint64_t group) const {
        return table().join(script_.instance(), connection, group);
    }
    portico_status leave(portico_connection connection, std::uint64_t group) const {
        return table().leave(script_.instance(), connection, group);
    }
    portico_status broadcast(std::uint64_t group, std::string_view text,
                             portico_connection except = 0,
                             std::uint32_t when_full = PORTICO_WHEN_FULL_SKIP) const {
        const portico_part part{text.data(), text.size()};
        return table().broadcast(script_.instance(), group, except, &part, 1, sizeof part,
                                 when_full);
    }
    [[nodiscard]] std::vector<portico_connection> list(std::uint32_t page) const {
        std::vector<portico_connection> all;
        std::vector<portico_connection> some(page);
        std::uint32_t count = page;
        for (std::uint64_t cursor = 0; count == page;) {
            if (table().list(script_.instance(), &cursor, some.data(), page, &count) !=
                PORTICO_OK) {
                return {};
            }
            all.insert(all.end(), some.begin(), some.begin() + count);
        }
        return all;
    }

private:
    Script& script_;
};

// Peers with their lines, in the same order.
struct Members {
    Members(const TestServer& server, Script& script, std::size_t count, int receive_buffer = 0) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t before = script.opened;
            peers.push_back(server.connect("x", receive_buffer));
            REQUIRE(eventually([&] { return script.opened > before; }));
            lines.push_back(script.line(before));
        }
    }
    std::vector<Peer> peers;
    std::vector<Line*> lines;
};

// The kinds of instances whose broadcasts go different ways: serial ones share a strand.
#define ANY_PLUGIN() GENERATE(as<std::string>{}, "relay#full", "relay#serial", "relay#blocking")

}  // namespace

TEST_CASE("the list names each connection of the instance once", "[groups]") {
    const std::string ports = ANY_PORTS();
    Script script, other;
    Groups groups(script);
    TestServer server(io_of(ports),
                      {{"x", "relay#full", "", &script}, {"y", "relay#full", "", &other}});
    Peer stranger = server.connect("y");
    Members members(server, script, 25);
    std::set<portico_connection> expected;
    for (const Line* line : members.lines) {
        expected.insert(line->handle);
    }
    for (const std::uint32_t page : {1U, 7U, 25U, 26U, 1'000U}) {
        const std::vector<portico_connection> all = groups.list(page);
        CHECK(all.size() == expected.size());
        CHECK(std::set<portico_connection>(all.begin(), all.end()) == expected);
    }
    for (std::size_t i = 0; i < 10; ++i) {
        expected.erase(members.lines[i]->handle);
        members.peers[i].close();
    }
    CHECK(eventually([&] {
        const std::vector<portico_connection> all = groups.list(4);
        return std::set<portico_connection>(all.begin(), all.end()) == expected;
    }));
    // One that is closing is not in it any more.
    REQUIRE(script.close(*members.lines[20]) == PORTICO_OK);
    expected.erase(members.lines[20]->handle);
    const std::vector<portico_connection> all = groups.list(100);
    CHECK(std::set<portico_connection>(all.begin(), all.end()) == expected);
    stranger.close();
    members.peers.clear();
    CHECK(server.comes_to_rest());
    CHECK(groups.list(10).empty());
}

TEST_CASE("a broadcast reaches the members of its group and nobody else", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Members members(server, script, 20);
    for (std::size_t i = 0; i < 20; ++i) {
        if (i % 2 == 0) {
            REQUIRE(groups.join(members.lines[i]->handle, 7) == PORTICO_OK);
            REQUIRE(groups.join(members.lines[i]->handle, 7) ==
                    PORTICO_OK);  // a second one counts once
        }
        if (i % 5 == 0) {
            REQUIRE(groups.join(members.lines[i]->handle, 8) == PORTICO_OK);
        }
    }
    REQUIRE(groups.broadcast(7, message(1)) == PORTICO_OK);
    REQUIRE(groups.broadcast(8, message(2), members.lines[5]->handle) == PORTICO_OK);
    REQUIRE(groups.leave(members.lines[0]->handle, 7) == PORTICO_OK);
    REQUIRE(groups.leave(members.lines[0]->handle, 7) == PORTICO_OK);
    REQUIRE(groups.broadcast(7, message(3)) == PORTICO_OK);
    REQUIRE(groups.broadcast(9, message(4)) == PORTICO_OK);  // it has no member
    REQUIRE(groups.broadcast(0, message(5), members.lines[1]->handle) == PORTICO_OK);
    for (std::size_t i = 0; i < 20; ++i) {
        CAPTURE(i);
        std::vector<std::uint64_t> expected;
        if (i % 2 == 0) {
            expected.push_back(1);
        }
        if (i % 5 == 0 && i != 5) {
            expected.push_back(2);
        }
        if (i % 2 == 0 && i != 0) {
            expected.push_back(3);
        }
        if (i != 1) {
            expected.push_back(5);
        }
        CHECK(numbers_in(members.peers[i].receive_exactly(expected.size() * message_bytes)) ==
              expected);
    }
    CHECK(members.peers[1].is_quiet_for(50));
    members.peers.clear();
    CHECK(server.comes_to_rest());
    CHECK(script.violations().empty());
}

TEST_CASE("parts of a broadcast are one message, of any size", "[groups]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Groups groups(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Members members(server, script, 5);
    const std::string head = "head:";
    const std::string body = pattern(0, 300'000);
    std::vector<portico_part> parts = {{head.data(), head.size()},
                                       {nullptr, 0},
                                       {body.data(), 1},
                                       {body.data() + 1, body.size() - 1}};
    for (int round = 0; round < 3; ++round) {
        REQUIRE(groups.table().broadcast(script.instance(), 0, 0, parts.data(), 4,
                                         sizeof(portico_part),
                                         PORTICO_WHEN_FULL_ABORT) == PORTICO_OK);
        for (Peer& peer : members.peers) {
            CHECK(peer.receive_exactly(head.size() + body.size()) == head + body);
        }
    }
    members.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("what groups do not allow is refused", "[groups]") {
    Script script, other;
    Groups groups(script), of_other(other);
    TestServer server(io_of("per_core"),
                      {{"x", "relay#full", R"("limits": {"max_send_bytes": 1000})", &script},
                       {"y", "relay#full", "", &other}});
    Members members(server, script, 1);
    const portico_connection handle = members.lines[0]->handle;
    const portico_connections& table = groups.table();
    portico_instance* self = script.instance();
    const portico_part part{"x", 1};
    const portico_part hole{nullptr, 1};

    CHECK(groups.join(handle, 0) == PORTICO_INVALID);
    CHECK(groups.leave(handle, 0) == PORTICO_INVALID);
    CHECK(groups.join(0, 1) == PORTICO_GONE);
    CHECK(groups.join(handle + 1, 1) == PORTICO_GONE);
    CHECK(groups.leave(12'345, 1) == PORTICO_GONE);
    CHECK(of_other.join(handle, 1) == PORTICO_GONE);
    CHECK(of_other.leave(handle, 1) == PORTICO_GONE);
    CHECK(groups.join(handle, 1) == PORTICO_OK);
    CHECK(of_other.broadcast(1, "from another instance") == PORTICO_OK);

    CHECK(table.broadcast(self, 1, 0, nullptr, 1, sizeof part, 0) == PORTICO_INVALID);
    CHECK(table.broadcast(self, 1, 0, &part, 0, sizeof part, 0) == PORTICO_INVALID);
    CHECK(table.broadcast(self, 1, 0, &part, 1, 8, 0) == PORTICO_INVALID);
    CHECK(table.broadcast(self, 1, 0, &part, 1, 17, 0) == PORTICO_INVALID);
    CHECK(table.broadcast(self, 1, 0, &part, 1, sizeof part, 2) == PORTICO_INVALID);
    CHECK(table.broadcast(self, 1, 0, &hole, 1, sizeof part, 0) == PORTICO_INVALID);
    CHECK(groups.broadcast(1, std::string(1'001, 'x')) == PORTICO_TOO_LARGE);
    CHECK(groups.broadcast(1, "") == PORTICO_OK);

    std::uint64_t cursor = 0;
    std::uint32_t count = 0;
    portico_connection some[2];
    CHECK(table.list(self, nullptr, some, 2, &count) == PORTICO_INVALID);
    CHECK(table.list(self, &cursor, nullptr, 2, &count) == PORTICO_INVALID);
    CHECK(table.list(self, &cursor, some, 0, &count) == PORTICO_INVALID);
    CHECK(table.list(self, &cursor, some, 2, nullptr) == PORTICO_INVALID);
    cursor = UINT64_MAX;
    CHECK(table.list(self, &cursor, some, 2, &count) == PORTICO_OK);
    CHECK(count == 0);

    for (std::uint64_t group = 2; group <= 1'024; ++group) {
        REQUIRE(groups.join(handle, group) == PORTICO_OK);
    }
    CHECK(groups.join(handle, 1'025) == PORTICO_LIMIT);
    CHECK(groups.join(handle, 1) == PORTICO_OK);
    CHECK(groups.leave(handle, 500) == PORTICO_OK);
    CHECK(groups.join(handle, 1'025) == PORTICO_OK);

    CHECK(groups.broadcast(1'025, "all that it gets") == PORTICO_OK);
    CHECK(members.peers[0].receive_exactly(16) == "all that it gets");
    CHECK(members.peers[0].is_quiet_for(20));
    members.peers.clear();
    CHECK(server.comes_to_rest());
    CHECK(groups.join(handle, 1) == PORTICO_GONE);
    CHECK(groups.leave(handle, 1) == PORTICO_GONE);
    CHECK(groups.broadcast(1, "nobody") == PORTICO_OK);
}

TEST_CASE("a broadcast keeps its place among its thread's sends", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    // The members also have traffic of their own, so that their strands are busy now and then.
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", plugin, R"("limits": {"send_queue_bytes": 16777216})", &script}});
    constexpr std::size_t count = 8;
    const std::uint64_t rounds = sanitized || on_windows ? 300 : 2'000;
    Members members(server, script, count);
    for (const Line* line : members.lines) {
        REQUIRE(groups.join(line->handle, 1) == PORTICO_OK);
    }
    std::atomic<bool> done{false};
    std::thread chatter([&] {
        for (std::size_t i = 0; !done; i = (i + 1) % count) {
            members.peers[i].send_all("chatter");
        }
    });
    std::atomic<std::uint64_t> wrong{0};
    std::thread sender([&] {
        std::uint64_t next = 0;
        for (std::uint64_t round = 0; round < rounds; ++round) {
            // Mostly broadcasts, now and then sends to all or to some parts.
            if (round % 3 == 0) {
                for (Line* line : members.lines) {
                    wrong += script.send_to(line->handle, message(next)) != PORTICO_OK ? 1 : 0;
                }
            } else {
                wrong += groups.broadcast(round % 2, message(next)) != PORTICO_OK ? 1 : 0;
            }
            ++next;
        }
        // A close that follows flushes them.
        for (Line* line : members.lines) {
            wrong += script.close(*line) != PORTICO_OK ? 1 : 0;
        }
    });
    std::vector<std::thread> readers;
    std::vector<std::string> streams(count);
    for (std::size_t i = 0; i < count; ++i) {
        readers.emplace_back(
            [&, i] { streams[i] = members.peers[i].receive_exactly(rounds * message_bytes); });
    }
    for (std::thread& reader : readers) {
        reader.join();
    }
    sender.join();
    done = true;
    chatter.join();
    CHECK(wrong == 0);
    std::vector<std::uint64_t> expected(rounds);
    for (std::uint64_t round = 0; round < rounds; ++round) {
        expected[round] = round;
    }
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(i);
        CHECK(numbers_in(streams[i]) == expected);
    }
    members.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a callback's broadcast keeps its place among the callback's other calls", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    std::atomic<std::uint64_t> wrong{0};
    std::mutex mutex;
    std::vector<portico_connection> handles;
    const std::uint64_t rounds = 50;
    script.on_open = [&](Line& line) {
        const std::scoped_lock lock(mutex);
        handles.push_back(line.handle);
        // A greeting comes before everything else.
        wrong += groups.join(line.handle, 3) != PORTICO_OK ? 1 : 0;
        return script.send(line, message(0));
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (data != "!") {
            return PORTICO_OK;
        }
        std::uint64_t next = 1;
        for (std::uint64_t round = 0; round < rounds; ++round) {
            wrong += groups.broadcast(3, message(next++)) != PORTICO_OK ? 1 : 0;
            for (const portico_connection handle : handles) {
                wrong += script.send_to(handle, message(next)) != PORTICO_OK ? 1 : 0;
            }
            ++next;
        }
        // The last one, and then the end of the sending side, for itself and the others.
        wrong += groups.broadcast(3, message(next++)) != PORTICO_OK ? 1 : 0;
        for (Line* other : script.lines()) {
            wrong += script.finish_sending(*other) != PORTICO_OK ? 1 : 0;
        }
        wrong += groups.broadcast(3, message(next)) != PORTICO_OK ? 1 : 0;  // for nobody
        return script.close(line);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    Members members(server, script, 6);
    REQUIRE(members.peers[2].send_all("!"));
    std::vector<std::uint64_t> expected;
    for (std::uint64_t number = 0; number <= 2 * rounds + 1; ++number) {
        expected.push_back(number);
    }
    for (Peer& peer : members.peers) {
        Peer::Outcome outcome{};
        CHECK(numbers_in(peer.receive_to_end(outcome)) == expected);
        CHECK(outcome == Peer::Outcome::end);
    }
    CHECK(wrong == 0);
    members.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("members join and leave during broadcasts", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    TestServer server(io_of(ports),
                      {{"x", plugin, R"("limits": {"send_queue_bytes": 16777216})", &script}});
    constexpr std::size_t count = 6;
    Members members(server, script, count);
    std::atomic<std::uint64_t> begun{0}, ended{0};
    std::atomic<bool> done{false};
    std::thread sender([&] {
        while (!done) {
            const std::uint64_t number = ++begun;
            if (groups.broadcast(1, message(number)) != PORTICO_OK) {
                script.violated("a broadcast fails");
            }
            ended = number;
            if (number % 8 == 0) {  // the queues must not get full
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
    });
    std::vector<std::thread> joiners;
    std::atomic<std::uint64_t> wrong{0};
    const int rounds = sanitized || on_windows ? 10 : 40;
    for (std::size_t i = 0; i < count; ++i) {
        joiners.emplace_back([&, i] {
            Peer& peer = members.peers[i];
            for (int round = 0; round < rounds; ++round) {
                wrong += groups.join(members.lines[i]->handle, 1) != PORTICO_OK ? 1 : 0;
                const std::uint64_t latest_first = begun + 1;
                // (The sender goes on meanwhile.)
                static_cast<void>(eventually([&] { return ended >= latest_first + 3; }));
                const std::uint64_t earliest_last = ended;
                wrong += groups.leave(members.lines[i]->handle, 1) != PORTICO_OK ? 1 : 0;
                // One that had begun before may still come. Then the end of this membership's
                // messages is known.
                const std::uint64_t latest_begun = begun;
                static_cast<void>(eventually([&] { return ended >= latest_begun; }));
                wrong += script.send_to(members.lines[i]->handle, message(0)) != PORTICO_OK ? 1 : 0;
                std::uint64_t last = 0;
                for (;;) {
                    const std::uint64_t number = number_of(peer.receive_exactly(message_bytes));
                    if (number == 0 || number == UINT64_MAX) {
                        wrong += number == 0 ? 0 : 1;
                        break;
                    }
                    const bool is_well = last == 0 ? number <= latest_first : number == last + 1;
                    wrong += is_well ? 0 : 1;
                    last = number;
                }
                wrong += last >= earliest_last ? 0 : 1;
            }
        });
    }
    for (std::thread& joiner : joiners) {
        joiner.join();
    }
    done = true;
    sender.join();
    CHECK(wrong == 0);
    members.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("members close, reset and come while broadcasts run", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    script.on_open = [&](Line& line) { return groups.join(line.handle, 1); };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        consumed = data.size();
        // One of the members says it to all.
        const portico_status status = groups.broadcast(1, message(1), line.handle);
        return data.find('q') == std::string_view::npos ? status : script.close(line);
    };
    TestServer server(io_of(ports), {{"x", plugin, "", &script}});
    std::atomic<bool> done{false};
    std::vector<std::thread> senders;
    for (std::uint64_t thread = 0; thread < 2; ++thread) {
        senders.emplace_back([&, thread] {
            while (!done) {
                if (groups.broadcast(thread, message(2 + thread)) != PORTICO_OK) {
                    script.violated("a broadcast fails");
                }
                std::this_thread::yield();
            }
        });
    }
    std::vector<std::thread> clients;
    std::atomic<std::uint64_t> wrong{0};
    const int rounds = sanitized || on_windows ? 30 : 150;
    for (int client = 0; client < 6; ++client) {
        clients.emplace_back([&, client] {
            for (int round = 0; round < rounds; ++round) {
                Peer peer;
                if (!peer.connect(server.address("x"))) {
                    ++wrong;
                    return;
                }
                peer.send_all(round % 4 == 0 ? "q" : "hello");
                const std::string some = peer.receive_exactly(5 * message_bytes);
                const std::vector<std::uint64_t> numbers = numbers_in(
                    some.substr(0, some.size() / message_bytes * message_bytes));
                wrong += std::count_if(numbers.begin(), numbers.end(),
                                       [](std::uint64_t number) { return number > 3; }) != 0
                             ? 1
                             : 0;
                if ((round + client) % 3 == 0) {
                    peer.abort();
                }
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    done = true;
    for (std::thread& sender : senders) {
        sender.join();
    }
    CHECK(wrong == 0);
    CHECK(server.comes_to_rest());
    CHECK(script.opened == script.closed);
}

TEST_CASE("a slow member misses broadcasts, and nobody else does", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    script.on_writable = [&](Line&) {
        script.violated("an on_writable, and no send was refused");
        return PORTICO_OK;
    };
    constexpr std::size_t bytes = 10'000;
    TestServer server(io_of(ports),
                      {{"x", plugin, R"("limits": {"send_queue_bytes": 100000})", &script}});
    Members slow(server, script, 1, 4'096);
    Members quick(server, script, 3);
    for (const Line* line : script.lines()) {
        REQUIRE(groups.join(line->handle, 1) == PORTICO_OK);
    }
    const std::uint64_t rounds = 1'500;
    // The quick ones say how far they are, so that their queues are never full.
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        REQUIRE(groups.broadcast(1, message(round, bytes)) == PORTICO_OK);
        for (Peer& peer : quick.peers) {
            REQUIRE(peer.receive_exactly(bytes) == message(round, bytes));
        }
    }
    // Whole messages, in order, and not all of them.
    REQUIRE(script.close(*slow.lines[0]) == PORTICO_OK);
    Peer::Outcome outcome{};
    const std::vector<std::uint64_t> numbers = numbers_in(slow.peers[0].receive_to_end(outcome),
                                                          bytes);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(numbers.size() < rounds);
    CHECK(numbers.size() >= 10);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
    CHECK(!numbers.empty());
    CHECK(numbers.back() <= rounds);
    slow.peers.clear();
    quick.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a slow member is aborted if the broadcast says so", "[groups]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = ANY_PLUGIN();
    CAPTURE(ports, plugin);
    Script script;
    Groups groups(script);
    constexpr std::size_t bytes = 10'000;
    TestServer server(io_of(ports),
                      {{"x", plugin, R"("limits": {"send_queue_bytes": 100000})", &script}});
    Members slow(server, script, 1, 4'096);
    Members quick(server, script, 3);
    for (const Line* line : script.lines()) {
        REQUIRE(groups.join(line->handle, 1) == PORTICO_OK);
    }
    std::uint64_t round = 0;
    while (slow.lines[0]->closes == 0 && round < 100'000) {
        ++round;
        REQUIRE(groups.broadcast(1, message(round, bytes), 0, PORTICO_WHEN_FULL_ABORT) ==
                PORTICO_OK);
        for (Peer& peer : quick.peers) {
            REQUIRE(peer.receive_exactly(bytes) == message(round, bytes));
        }
    }
    CHECK(slow.lines[0]->closes == 1);
    CHECK(slow.lines[0]->reason == PORTICO_REASON_PLUGIN);
    CHECK(groups.leave(slow.lines[0]->handle, 1) == PORTICO_GONE);
    REQUIRE(groups.broadcast(1, message(0, bytes)) == PORTICO_OK);
    for (Peer& peer : quick.peers) {
        CHECK(peer.receive_exactly(bytes) == message(0, bytes));
    }
    slow.peers.clear();
    quick.peers.clear();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a stop with broadcasts under way ends in order", "[groups]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Groups groups(script);
    script.on_stop = [&](const portico_draining&) { return groups.broadcast(0, message(9)); };
    std::atomic<bool> done{false};
    std::thread sender;
    script.on_destroy = [&] {
        done = true;
        sender.join();
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Members members(server, script, 10);
    sender = std::thread([&] {
        while (!done) {
            const portico_status status = groups.broadcast(0, message(1));
            if (status != PORTICO_OK) {
                script.violated("a broadcast answers " + std::to_string(status));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));  // no queue gets full
        }
    });
    std::vector<std::thread> readers;
    std::atomic<int> told{0};
    for (Peer& peer : members.peers) {
        readers.emplace_back([&] {
            Peer::Outcome outcome{};
            const std::vector<std::uint64_t> numbers = numbers_in(peer.receive_to_end(outcome));
            told += outcome == Peer::Outcome::end &&
                            std::count(numbers.begin(), numbers.end(), 9) == 1
                        ? 1
                        : 0;
        });
    }
    server.stop();
    for (std::thread& reader : readers) {
        reader.join();
    }
    CHECK(told == 10);
}
