// The threads that run callbacks of serial instances, blocking instances and their neighbours.
#include <algorithm>
#include <array>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// Callbacks that take a moment, so that two at once would meet.
void take_a_moment() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (std::chrono::steady_clock::now() < until) {
    }
}

std::uint64_t p99_us(Peer& peer, int messages) {
    std::vector<std::uint64_t> times;
    for (int i = 0; i < messages; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        if (!echoes(peer, "how long does this take")) {
            return UINT64_MAX;
        }
        times.push_back(
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                           std::chrono::steady_clock::now() - begun)
                                           .count()));
    }
    std::sort(times.begin(), times.end());
    return times[times.size() * 99 / 100];
}

}  // namespace

TEST_CASE("no two callbacks of a serial instance run at once", "[threads]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        take_a_moment();
        consumed = data.size();
        return script.send(line, data);
    };
    {
        TestServer server(io_of(ports), {{"x", "relay#serial", "", &script}});
        std::vector<std::thread> clients;
        std::atomic<int> good{0};
        constexpr int count = 24;
        const int messages = sanitized || on_windows ? 50 : 200;
        for (int i = 0; i < count; ++i) {
            clients.emplace_back([&] {
                Peer peer;
                bool fine = peer.connect(server.address("x"));
                for (int n = 0; n < messages && fine; ++n) {
                    fine = echoes(peer, "ping");
                }
                good += fine ? 1 : 0;
            });
        }
        for (std::thread& client : clients) {
            client.join();
        }
        CHECK(good == count);
        CHECK(server.comes_to_rest());
    }
    CHECK(script.inside_max == 1);
}

TEST_CASE("callbacks of different connections do run at once on a shared port", "[threads]") {
    Script script;
    // Each waits for the other: two threads must be in callbacks together, or neither goes on
    // before patience ends.
    std::atomic<bool> met{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        met = eventually([&] { return met || script.inside >= 2; }, std::chrono::seconds(10)) ||
              met;
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of("shared"), {{"x", "relay#full", "", &script}});
    Peer one = server.connect("x");
    Peer two = server.connect("x");
    REQUIRE(one.send_all("1"));
    REQUIRE(two.send_all("2"));
    CHECK(one.receive_exactly(1) == "1");
    CHECK(two.receive_exactly(1) == "2");
    CHECK(met);
}

#ifdef _WIN32
// On epoll a connection stays with the port whose thread accepted it first, and nothing is
// guaranteed.
TEST_CASE("a listener's connections are spread over the ports in turn", "[threads]") {
    Script script;
    std::array<std::atomic<int>, 2> homes{};
    script.on_open = [&](Line&) {
        const std::uint32_t index = script.host()->worker_index(script.instance());
        if (index < homes.size()) {
            ++homes[index];
        } else {
            script.violated("worker_index");
        }
        return PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    constexpr int count = 200;
    // A home whose thread stands still is passed over, as on a machine that is busy otherwise. What
    // is uneven for another reason is so in each round.
    bool is_even = false;
    for (int round = 0; round < 10 && !is_even; ++round) {
        homes[0] = homes[1] = 0;
        const std::uint64_t before = script.opened;
        std::vector<Peer> peers;
        for (int i = 0; i < count; ++i) {
            peers.push_back(server.connect("x"));
        }
        REQUIRE(eventually([&] { return script.opened == before + count; }));
        is_even = homes[0] == count / 2 && homes[1] == count / 2;
        peers.clear();
        REQUIRE(server.comes_to_rest());
    }
    CHECK(is_even);
}
#endif

TEST_CASE("a serial instance's posts are serial with its callbacks", "[threads]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<std::uint64_t> met{0};
    std::atomic<std::uint64_t> ran{0};
    struct Argument {
        Script& script;
        std::atomic<std::uint64_t>& met;
        std::atomic<std::uint64_t>& ran;
    } argument{script, met, ran};
    const portico_post_function function = [](void*, portico_connection, void*, void* posted,
                                              portico_status) {
        auto& self = *static_cast<Argument*>(posted);
        self.met += self.script.inside.fetch_add(1) != 0 ? 1 : 0;
        take_a_moment();
        self.script.inside.fetch_sub(1);
        ++self.ran;
    };
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        take_a_moment();
        consumed = data.size();
        return script.send(line, data);
    };
    {
        TestServer server(io_of(ports), {{"x", "relay#serial", "", &script}});
        Peer peer = server.connect("x");
        REQUIRE(echoes(peer, "go"));
        std::thread poster([&] {
            for (int i = 0; i < 300; ++i) {
                static_cast<void>(script.post_instance(function, &argument));
                std::this_thread::sleep_for(std::chrono::microseconds(100));
            }
        });
        for (int i = 0; i < 300; ++i) {
            REQUIRE(echoes(peer, "ping"));
        }
        poster.join();
        CHECK(eventually([&] { return ran == 300; }));
    }
    CHECK(met == 0);
    CHECK(script.inside_max == 1);
}

// The article's complaint: one client's slow work must not slow down the others. Callbacks sleep 50
// ms, for 16 connections without a pause.
TEST_CASE("a blocking instance does not slow another listener", "[threads][blocking]") {
    const std::string ports = ANY_PORTS();
    constexpr std::uint32_t blocking_threads = 4;
    Script sleeper;
    sleeper.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                          std::uint64_t& consumed) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        consumed = data.size();
        return sleeper.send(line, data);
    };
    const int messages = sanitized ? 500 : 2'000;
    TestServer server(io_of(ports),
                      {{"sleeper", "relay#blocking",
                        "\"blocking_threads\": " + std::to_string(blocking_threads), &sleeper},
                       {"echo", "echo", ""}});
    Peer peer = server.connect("echo");
    REQUIRE(p99_us(peer, 200) != UINT64_MAX);

    // The bar is 3 times, plus 0.5 ms for the scheduler of a machine with fewer processors than
    // threads. Each round measures without and with; three rounds must be within the bar. If
    // another program on this machine disturbs a round, it is repeated, up to twelve in all. If
    // callbacks did hold up the echo, every round would show their 50 ms.
    int rounds = 0;
    int within = 0;
    std::string figures;
    for (; rounds < 12 && within < 3; ++rounds) {
        const std::uint64_t without = p99_us(peer, messages);
        std::atomic<bool> done{false};
        std::atomic<int> slept{0};
        std::vector<std::thread> clients;
        for (int i = 0; i < 16; ++i) {
            clients.emplace_back([&] {
                Peer client;
                if (client.connect(server.address("sleeper"))) {
                    while (!done && echoes(client, "z")) {
                        ++slept;
                    }
                }
            });
        }
        CHECK(eventually([&] { return slept > 8; }));
        const std::uint64_t with = p99_us(peer, messages);
        done = true;
        for (std::thread& client : clients) {
            client.join();
        }
        within += with <= 3 * without + 500 ? 1 : 0;
        figures += " " + std::to_string(without) + "/" + std::to_string(with);
    }
    WARN(ports << ": p99 of echo without/with 16 connections whose callbacks sleep 50 ms, in us:"
               << figures);
    CHECK(within == 3);
    CHECK(sleeper.inside_max <= blocking_threads);
    CHECK(sleeper.inside_max >= 2);
}
