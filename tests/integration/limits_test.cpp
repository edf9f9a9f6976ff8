// The listener's limit of connections, and the cost of an idle connection.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

std::string contents_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

}  // namespace

TEST_CASE("clients beyond the limit wait in the backlog and are served after others leave",
          "[limits]") {
    const std::string ports = ANY_PORTS();
    // The path is relative to the program's directory, which TestServer uses as the
    // configuration's.
    const std::string name = "limit_" + ports + ".log";
    const std::string log = Server::program_directory() + "/" + name;
    std::remove(log.c_str());
    {
        TestServer server(io_of(ports), {{"echo", "echo", R"("limits": {"connections": 3})"}},
                          "\"log\": {\"level\": \"warn\", \"file\": \"" + name + "\"}");
        for (int round = 0; round < 5; ++round) {
            std::vector<Peer> peers;
            for (int i = 0; i < 3; ++i) {
                peers.push_back(server.connect("echo"));
                REQUIRE(echoes(peers.back(), "in"));
            }
            for (int i = 0; i < 2; ++i) {
                // the system accepts it; the server does not yet
                peers.push_back(server.connect("echo"));
                REQUIRE(peers.back().send_all("waiting"));
            }
            CHECK(peers[3].is_quiet_for(30));
            CHECK(peers[4].is_quiet_for(30));
            CHECK(server.statistics().connections_open == 3);
            peers[0].close();
            CHECK(peers[3].receive_exactly(7) == "waiting");
            CHECK(peers[4].is_quiet_for(30));
            peers[1].abort();
            CHECK(peers[4].receive_exactly(7) == "waiting");
            CHECK(echoes(peers[2], "all along"));
            CHECK(server.statistics().connections_open == 3);
            peers.clear();
            REQUIRE(server.comes_to_rest());
        }
    }
    const std::string lines = contents_of(log);
    const std::string text = "connection limit of 3 reached: new clients wait";
    REQUIRE(lines.find(text) != std::string::npos);
    // The limit is reached five times within moments and reported once.
    CHECK(lines.find(text, lines.find(text) + 1) == std::string::npos);
    std::remove(log.c_str());
}

TEST_CASE("a limit of one connection serves a crowd one by one", "[limits]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"echo", "echo", R"("limits": {"connections": 1})"}},
                      R"("log": {"level": "error"})");
    std::vector<std::thread> crowd;
    std::atomic<int> served{0};
    for (int i = 0; i < 8; ++i) {
        crowd.emplace_back([&] {
            for (int n = 0; n < 10; ++n) {
                Peer peer;
                served += peer.connect(server.address("echo")) && echoes(peer, "me") ? 1 : 0;
            }
        });
    }
    for (std::thread& one : crowd) {
        one.join();
    }
    CHECK(served == 80);
    CHECK(server.comes_to_rest());
}

TEST_CASE("an idle connection owns no receive buffer", "[limits]") {
    const std::string ports = ANY_PORTS();
    const std::size_t count = sanitized ? 1'000 : 500;
    TestServer server(io_of(ports), {{"echo", "echo", ""}});
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(server.connect("echo"));
        if (i % 2 == 0) {
            REQUIRE(echoes(peers.back(), "active once"));
        }
    }
    REQUIRE(eventually([&] { return server.statistics().connections_open == count; }));
    CHECK(eventually([&] { return server.statistics().receive_buffers_in_use == 0; }));
    // The last echo's chunk goes back when its send completes, perhaps after the peer has read it.
    CHECK(eventually([&] { return server.statistics().send_chunks_in_use == 0; }));
    // Each of them still works.
    for (Peer& peer : peers) {
        REQUIRE(echoes(peer, "awake"));
    }
    peers.clear();
    CHECK(server.comes_to_rest());
}

#ifndef _WIN32
// This needs two processes, because a process may have only 20,000 descriptors on the machines that
// run it. A child holds the clients' ends.
TEST_CASE("ten thousand connections are open at once", "[limits]") {
    const std::string ports = ANY_PORTS();
    const std::size_t count = sanitized ? 2'000 : 10'000;
    int to_child[2];
    int from_child[2];
    REQUIRE(::pipe(to_child) == 0);
    REQUIRE(::pipe(from_child) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(to_child[1]);
        ::close(from_child[0]);
        io::Address address;
        bool fine = ::read(to_child[0], &address, sizeof address) ==
                    static_cast<ssize_t>(sizeof address);
        std::vector<Peer> peers;
        for (std::size_t i = 0; i < count && fine; ++i) {
            fine = peers.emplace_back().connect(address);
        }
        char byte = fine ? '+' : '-';
        // Each byte asks for another round of messages; the pipe ends after the last round.
        while (::write(from_child[1], &byte, 1) == 1 && ::read(to_child[0], &byte, 1) == 1) {
            for (Peer& peer : peers) {
                fine = fine && echoes(peer, "awake");
            }
            byte = fine ? '+' : '-';
        }
        ::_exit(fine ? 0 : 1);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    const auto child_is_done = [&] {
        char answer = 0;
        return ::read(from_child[0], &answer, 1) == 1 && answer == '+';
    };
    {
        TestServer server(io_of(ports), {{"echo", "echo", R"("limits": {"connections": 12000})"}});
        // Warm up: the first connections allocate some things once.
        for (int i = 0; i < 50; ++i) {
            Peer peer = server.connect("echo");
            REQUIRE(echoes(peer, "warm"));
        }
        REQUIRE(server.comes_to_rest());
        const std::size_t before = resident_bytes();
        const auto bytes_each = [&] {
            const std::size_t now = resident_bytes();
            return (now - std::min(before, now)) / count;
        };
        const auto is_idle = [&] {
            const Statistics now = server.statistics();
            return now.connections_open == count && now.receive_buffers_in_use == 0 &&
                   now.send_chunks_in_use == 0;
        };
        const io::Address address = server.address("echo");
        REQUIRE(::write(to_child[1], &address, sizeof address) ==
                static_cast<ssize_t>(sizeof address));
        REQUIRE(child_is_done());
        REQUIRE(eventually(is_idle));
        const std::size_t silent = bytes_each();
        REQUIRE(::write(to_child[1], "g", 1) == 1);
        REQUIRE(child_is_done());
        REQUIRE(eventually(is_idle));
        const std::size_t idle = bytes_each();
        WARN(ports << ": " << count << " connections, bytes each of the process' memory: " << silent
                   << " silent, " << idle << " idle after a message");
        if (!sanitized) {
            CHECK(silent < 4'096);
            CHECK(idle < 4'096);
        }
        ::close(to_child[1]);
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
        CHECK(server.comes_to_rest());
    }
    ::close(from_child[0]);
}
#endif
