// A server inside the test program, its peers, and the small helpers that every integration test
// needs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "integration/script.hpp"
#include "portico/server.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"

namespace portico::test {

// Sanitizers make a program five to twenty times slower, and so does counting its lines without the
// optimiser. Tests divide their amounts by this.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PORTICO_COVERAGE)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#ifdef _WIN32
inline constexpr bool on_windows = true;
#else
inline constexpr bool on_windows = false;
#endif

// The longest wait of a test. Success ends the wait earlier, so this is generous.
inline constexpr std::chrono::seconds patience{30};

// Waits until `condition` is true or patience ends. Returns whether it was true.
template <class Condition>
[[nodiscard]] bool eventually(Condition&& condition, std::chrono::milliseconds limit = patience) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return condition();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

// Wine reports a reset that meets no pending receive as the peer's end, and a peer cannot tell
// whether the host has begun its next receive. `reason`: why the connection of a plugin closed
// whose on_end closes it.
[[nodiscard]] inline bool is_end_under_wine(std::uint32_t reason) {
    return is_wine() && reason == PORTICO_REASON_PLUGIN;
}

// Bytes that differ at each place, so that a lost, doubled or reordered one shows. `seed`
// distinguishes streams.
[[nodiscard]] std::string pattern(std::uint64_t offset, std::size_t bytes, std::uint64_t seed = 0);
// The first place where `bytes` differs from the stream's bytes from `offset`; npos if there is
// none.
[[nodiscard]] std::size_t first_difference(std::string_view bytes, std::uint64_t offset,
                                           std::uint64_t seed = 0);

// The memory that this process uses now.
[[nodiscard]] std::size_t resident_bytes();

// The kinds of ports that a server can have here: "shared", "per_core", and "io_uring" if it is
// available.
[[nodiscard]] const std::vector<std::string>& kinds_of_ports();

// "io" of a configuration: shared has four threads on one port, the others two ports.
[[nodiscard]] std::string io_of(std::string_view ports);
[[nodiscard]] std::string io_of(std::string_view ports, int threads);

struct ListenerSpec {
    std::string name;
    std::string plugin;
    std::string more;          // further members of the listener: "\"limits\": {...}"
    Script* script = nullptr;  // for the relay plugins
    std::string listen = "\"127.0.0.1:0\"";
};

class TestServer {
public:
    // `rest`: further members of the configuration.
    TestServer(const std::string& io, std::vector<ListenerSpec> listeners,
               const std::string& rest = "");
    // Stops. Fails the test if a script's rules were broken.
    ~TestServer();
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    StopResult stop();
    // Leaves the stop to Server's own destructor.
    void forget() { running_ = false; }

    // Of a listener that has one, 127.0.0.1 with a port.
    [[nodiscard]] io::Address address(std::string_view listener) const;
    [[nodiscard]] Peer connect(std::string_view listener, int receive_buffer = 0,
                               int send_buffer = 0) const;
    [[nodiscard]] Statistics statistics() const { return server.statistics(); }
    // Checks that soon no connection and no buffer is left.
    [[nodiscard]] bool comes_to_rest() const;

    Server& server;

private:
    TestServer(std::unique_ptr<Server> owned, const std::string& io,
               std::vector<ListenerSpec> listeners, const std::string& rest);

    std::unique_ptr<Server> owned_;
    std::vector<ListenerSpec> listeners_;
    bool running_ = false;
};

// The configuration that TestServer starts with.
[[nodiscard]] std::string configuration_of(const std::string& io,
                                           const std::vector<ListenerSpec>& listeners,
                                           const std::string& rest);
[[nodiscard]] std::string test_plugin_directory();

// Checks one echoed message over a good connection.
[[nodiscard]] bool echoes(Peer& peer, std::string_view message);

// Sends from a thread of its own, so that the test can receive meanwhile. The bytes still belong to
// the test.
class Sender {
public:
    Sender(Peer& peer, std::string_view bytes)
        : thread_([this, &peer, bytes] { sent_ = peer.send_all(bytes); }) {}
    ~Sender() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    [[nodiscard]] bool join() {
        thread_.join();
        return sent_;
    }

private:
    bool sent_ = false;
    std::thread thread_;
};

}  // namespace portico::test

// Runs the rest of the test case once for each kind.
#define ANY_PORTS()                                                \
    ::portico::test::kinds_of_ports().at(static_cast<std::size_t>( \
        GENERATE(range(0, static_cast<int>(::portico::test::kinds_of_ports().size())))))
