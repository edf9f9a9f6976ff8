// In the steady state an echoed message costs the server no memory and, on a port of one thread, no
// lock. This is counted, not timed.
#include <cstdlib>
#include <mutex>

#include "integration/service.hpp"
#include "steady/calls.hpp"

using namespace portico;
using namespace portico::test;

namespace {

constexpr int messages_before = 1'000;  // until every pool has what it needs
constexpr int messages_after = 3'000;

const std::string message = pattern(0, 64);

// Sends a message on each connection, and then reads the replies.
bool all_echo(std::vector<Peer>& peers) {
    bool good = true;
    for (Peer& peer : peers) {
        good = good && peer.send_all(message);
    }
    for (Peer& peer : peers) {
        good = good && peer.receive_exactly(message.size()) == message;
    }
    return good;
}

struct Found {
    Calls calls;
    std::uint64_t messages = 0;
    // IOCP's sweeps for idle receives, which lock the list of the sockets
    std::uint64_t sweeps_max = 0;
};

Found steady_calls(const std::string& io, int connections) {
    // The watchdog's thread takes its own lock from time to time. A worker does not know of it.
    TestServer server(io, {{"echo", "echo", R"("watchdog_ms": 0)"}});
    std::vector<Peer> peers;
    for (int i = 0; i < connections; ++i) {
        peers.push_back(server.connect("echo"));
    }
    int messages = 0;
    for (; messages < messages_before; messages += connections) {
        REQUIRE(all_echo(peers));
    }
    const auto begun = std::chrono::steady_clock::now();
    CountedCalls counted;
    const int first = messages;
    bool good = true;
    for (; good && messages < messages_after; messages += connections) {
        good = all_echo(peers);
    }
    Found found;
    found.calls = counted.stop();
    REQUIRE(good);
    found.messages = static_cast<std::uint64_t>(messages - first);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    found.sweeps_max = on_windows ? static_cast<std::uint64_t>(took.count()) / 500 + 1 : 0;
    return found;
}

}  // namespace

TEST_CASE("the counters see this program's allocations and locks", "[steady]") {
    CountedCalls counted;
    std::thread other([] {
        std::mutex first;
        std::mutex second;
        for (std::mutex* mutex : {&first, &second, &first}) {
            const std::scoped_lock lock(*mutex);
        }
        // volatile: otherwise the compiler leaves out the calls
        void* volatile made = ::operator new(1);
        ::operator delete(made);
        made = std::malloc(1);
        std::free(made);
    });
    other.join();
    const Calls calls = counted.stop();
    CHECK(calls.locks >= 3);
    CHECK(calls.mutexes >= 2);
    CHECK(calls.allocations >= 2);
}

TEST_CASE("on a port of one thread a message allocates nothing and takes no lock", "[steady]") {
    const std::string ports = ANY_PORTS();
    const int connections = GENERATE(1, 16);
    CAPTURE(ports, connections);
    const std::string kind = ports == "io_uring" ? R"("backend": "io_uring")"
                                                 : "\"ports\": \"" + ports + "\"";
    const Found found = steady_calls("{" + kind + ", \"threads\": 1}", connections);
    CHECK(found.calls.allocations == 0);
    CHECK(found.calls.locks <= found.sweeps_max);
}

// These are the port's mutex, for the ready list and the timers, and the group's, for the run
// queue.
TEST_CASE("on a shared port a message allocates nothing and locks only the port and the run queue",
          "[steady]") {
    const int connections = GENERATE(1, 16);
    constexpr std::uint64_t threads = 4;
    CAPTURE(connections);
    const Found found = steady_calls(R"({"ports": "shared", "threads": 4})", connections);
    // MinGW's libraries allocate a thread's own data on its first use, and a thread may have its
    // first turn as late as here.
    CHECK(found.calls.allocations <= (on_windows ? threads : 0));
    CHECK(found.calls.mutexes <= (found.sweeps_max != 0 ? 3U : 2U));
    WARN("shared: " << found.calls.locks << " locks for " << found.messages << " messages on "
                    << connections << " connections");
    // The strand is queued and taken; what completes at once goes onto the ready list and is taken
    // from it.
    CHECK(found.calls.locks <= 4 * found.messages + found.sweeps_max);
}
