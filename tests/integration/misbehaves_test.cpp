// Plugins that break the rules (tests/plugins/misbehaves.c): what the host does with each.
// Meanwhile a load on another listener, whose every byte is checked, loses nothing.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

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

// Peers of an echo that check what comes back, until they are told to stop.
class Load {
public:
    explicit Load(const TestServer& server) {
        for (std::uint64_t number = 0; number < peers_count; ++number) {
            threads_.emplace_back([this, &server, number] { run(server, number); });
        }
    }
    ~Load() { static_cast<void>(stop()); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // Waits for some more messages of each peer. True if nothing was lost or wrong up to then.
    [[nodiscard]] bool goes_on() {
        const std::uint64_t before = messages_;
        return eventually(
                   [&] { return messages_ > before + 20 * peers_count || failures_ != 0; }) &&
               failures_ == 0;
    }
    // Waits for the first message. True if nothing was ever lost or wrong.
    [[nodiscard]] bool stop() {
        static_cast<void>(eventually([&] { return messages_ != 0 || failures_ != 0; }));
        is_over_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
        return failures_ == 0 && messages_ > 0;
    }

private:
    static constexpr std::uint64_t peers_count = 4;

    void run(const TestServer& server, std::uint64_t number) {
        Peer peer;
        bool is_fine = peer.connect(server.address("good"));
        for (std::uint64_t i = 0; is_fine && !is_over_; ++i) {
            const std::string message = pattern(i * 977, 1 + i * 631 % 20'000, number);
            is_fine = echoes(peer, message);
            messages_ += is_fine ? 1 : 0;
        }
        failures_ += is_fine ? 0 : 1;
    }

    std::atomic<bool> is_over_{false};
    std::atomic<std::uint64_t> messages_{0};
    std::atomic<std::uint64_t> failures_{0};
    std::vector<std::thread> threads_;
};

// A server with a misbehaving plugin, and with an echo under load.
class Bad {
public:
    Bad(const std::string& ports, const std::string& plugin, const std::string& more = "",
        const std::string& rest = "")
        : name_("misbehaves_" + plugin + "_" + ports + ".log"),
          file_(Server::program_directory() + "/" + name_) {
        std::remove(file_.c_str());
        server.emplace(io_of(ports),
                       std::vector<ListenerSpec>{{"bad", "misbehaves#" + plugin, more},
                                                 {"other", "misbehaves#" + plugin, more},
                                                 {"good", "echo", ""}},
                       R"("log": {"level": "warn", "file": ")" + name_ + "\"}" +
                           (rest.empty() ? "" : ", " + rest));
        load.emplace(*server);
    }
    ~Bad() {
        CHECK(load->goes_on());
        CHECK(load->stop());
        server.reset();
        const std::string log = contents_of(file_);
        INFO(log.substr(0, 2'000));
        CHECK(log.find("unexpected") == std::string::npos);
        std::remove(file_.c_str());
    }
    Bad(const Bad&) = delete;
    Bad& operator=(const Bad&) = delete;

    [[nodiscard]] Peer connect(const char* listener = "bad") const {
        return server->connect(listener);
    }
    [[nodiscard]] std::string log() const { return contents_of(file_); }

    std::optional<TestServer> server;
    std::optional<Load> load;

private:
    const std::string name_;
    const std::string file_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("tables with a wrong size, or without what they must have, are refused", "[misbehaves]") {
    TestServer good(io_of("per_core"), {{"good", "echo", ""}});
    Load load(good);
    for (const char* plugin :
         {"short_table", "odd_table", "no_create", "no_destroy", "no_callbacks", "no_on_data",
          "small_callbacks", "unknown_framing"}) {
        INFO(plugin);
        for (const bool starts : {false, true}) {
            Server server;
            server.set_default_plugin_directory(test_plugin_directory());
            REQUIRE(server.configure_text(
                configuration_of("{}", {{"x", std::string("misbehaves#") + plugin, ""}}, ""), "."));
            CHECK_FALSE((starts ? server.start() : server.check(false)));
            CHECK(server.errors().size() == 1);
        }
    }
    CHECK(load.goes_on());
    CHECK(load.stop());
}

TEST_CASE("a plugin that consumes more than it is offered loses that connection", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "consumes_too_much");
    for (int i = 0; i < 20; ++i) {
        Peer peer = bad.connect();
        REQUIRE(peer.send_all("hello"));
        CHECK(is_aborted(peer));
    }
    CHECK(eventually([&] { return contains(bad.log(), "on_data consumed"); }));
}

TEST_CASE("a plugin that never consumes is cut at limits.unconsumed_bytes", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "never_consumes", R"("limits": {"unconsumed_bytes": 100000})");
    Peer peer = bad.connect();
    REQUIRE(peer.send_all(std::string(99'999, 'x')));
    CHECK(peer.is_quiet_for(30));
    static_cast<void>(peer.send_all(std::string(10'000, 'x')));
    CHECK(is_aborted(peer));
}

TEST_CASE("a plugin that holds for ever takes no memory, and ends as idle", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "holds_for_ever", R"("limits": {"idle_timeout_ms": 300})");
    std::vector<Peer> peers;
    for (int i = 0; i < 20; ++i) {
        peers.push_back(bad.connect());
        REQUIRE(peers.back().send_all("hello"));
    }
    for (Peer& peer : peers) {
        Peer::Outcome outcome{};
        CHECK(peer.receive_to_end(outcome).empty());
    }
}

TEST_CASE("a plugin that holds for ever does not delay a stop beyond the deadline",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    TestServer server(io_of(ports), {{"bad", "misbehaves#holds_for_ever", ""}},
                      R"("shutdown": {"drain_ms": 200})");
    Peer peer = server.connect("bad");
    REQUIRE(peer.send_all("hello"));
    REQUIRE(eventually([&] { return server.statistics().connections_open == 1; }));
    CHECK(peer.is_quiet_for(30));
    const auto begun = std::chrono::steady_clock::now();
    const StopResult result = server.stop();
    CHECK(result.connections_cut == 1);
    CHECK_FALSE(result.stuck);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}

TEST_CASE("a plugin that answers WOULD_BLOCK without a refused send loses that connection",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "would_block");
    for (int i = 0; i < 20; ++i) {
        Peer peer = bad.connect();
        REQUIRE(peer.send_all("hello"));
        CHECK(is_aborted(peer));
    }
    CHECK(eventually([&] { return contains(bad.log(), "on_data returned PORTICO_WOULD_BLOCK"); }));
}

TEST_CASE("answers that mean nothing where they are given mean OK", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "strange", R"("limits": {"send_queue_bytes": 4096})");
    std::vector<Peer> peers;
    for (int i = 0; i < 10; ++i) {
        peers.push_back(bad.connect());
        CHECK(echoes(peers.back(), pattern(0, 50'000)));
    }
    // on_stop fails; the connections drain all the same.
    CHECK(bad.load->stop());
    CHECK(bad.server->stop().connections_cut == 0);
    CHECK(contains(bad.log(), "on_stop returned"));
    bad.server.emplace(io_of(ports), std::vector<ListenerSpec>{{"good", "echo", ""}});
    bad.load.emplace(*bad.server);
}

TEST_CASE("a send after the close is refused, and what came before it arrives", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "sends_closed");
    for (int i = 0; i < 50; ++i) {
        Peer peer = bad.connect();
        REQUIRE(peer.send_all("hello"));
        Peer::Outcome outcome{};
        CHECK(peer.receive_to_end(outcome) == "hello");
        CHECK(outcome == Peer::Outcome::end);
    }
}

TEST_CASE("a connection that is closed inside its on_open ends in order", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "closes_opening");
    for (int i = 0; i < 50; ++i) {
        Peer peer = bad.connect();
        Peer::Outcome outcome{};
        CHECK(peer.receive_to_end(outcome) == "no");
        CHECK(outcome == Peer::Outcome::end);
    }
}

TEST_CASE("a connection that is aborted inside its on_open, and refused, ends once",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "aborts_opening");
    for (int i = 0; i < 50; ++i) {
        Peer peer = bad.connect();
        CHECK(is_aborted(peer));
    }
}

TEST_CASE("a connection that is used in and after its on_close does no harm", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "uses_gone");
    for (int i = 0; i < 50; ++i) {
        Peer peer = bad.connect();
        CHECK(echoes(peer, "hello"));
        if (i % 2 == 0) {
            peer.abort();
        }
    }
}

TEST_CASE("a plugin that never closes after on_end is cut, as at a stop", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "never_closes", R"("limits": {"half_close_timeout_ms": 200})",
            R"("shutdown": {"drain_ms": 200})");
    Peer peer = bad.connect();
    CHECK(echoes(peer, "hello"));
    peer.finish_sending();
    CHECK(is_aborted(peer));
    Peer other = bad.connect();
    CHECK(echoes(other, "hello"));
    CHECK(bad.load->stop());
    const StopResult result = bad.server->stop();
    CHECK(result.connections_cut == 1);
    CHECK_FALSE(result.stuck);
    bad.server.emplace(io_of(ports), std::vector<ListenerSpec>{{"good", "echo", ""}});
    bad.load.emplace(*bad.server);
}

TEST_CASE("wrong arguments are refused one by one", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "wrong");
    Peer peer = bad.connect();
    for (int i = 0; i < 20; ++i) {
        CHECK(echoes(peer, "hello"));
    }
}

TEST_CASE("another instance's handles answer GONE, and its connections go on", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "crossing");
    Peer one = bad.connect("bad");
    CHECK(echoes(one, "first"));
    Peer two = bad.connect("other");
    for (int i = 0; i < 20; ++i) {
        CHECK(echoes(two, "from here"));
        CHECK(echoes(one, "still there"));
    }
}

TEST_CASE("a plugin that sends without end fills its own queue and nothing else", "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "floods_sends", R"("limits": {"send_queue_bytes": 65536})");
    const std::size_t before = resident_bytes();
    std::vector<Peer> silent;
    for (int i = 0; i < 20; ++i) {
        silent.push_back(bad.server->connect("bad", 8'192));  // and never reads
    }
    Peer reader = bad.connect();
    CHECK(reader.receive_exactly(4'000'000).size() == 4'000'000);
    CHECK(bad.load->goes_on());
    if (!sanitized) {
        const std::size_t now = resident_bytes();
        CHECK(now - std::min(before, now) < 32U << 20);
    }
}

TEST_CASE("a plugin that posts without end keeps its own strand busy and nothing else",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "floods_strand");
    Peer peer = bad.connect();
    for (int i = 0; i < 5; ++i) {
        CHECK(echoes(peer, "hello"));
        CHECK(bad.load->goes_on());
    }
}

TEST_CASE("a plugin that logs without end loses lines of the log and nothing else",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "floods_lines");
    Peer peer = bad.connect();
    for (int i = 0; i < 3; ++i) {
        CHECK(echoes(peer, "hello"));
        CHECK(bad.load->goes_on());
    }
}

TEST_CASE("a plugin that blocks without saying so delays its worker, and nothing is lost",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    Bad bad(ports, "blocks_worker");
    std::vector<Peer> peers;
    for (int i = 0; i < 8; ++i) {
        peers.push_back(bad.connect());
        REQUIRE(peers.back().send_all("hello"));
    }
    for (Peer& peer : peers) {
        CHECK(peer.receive_exactly(5) == "hello");
    }
}

TEST_CASE("a plugin's thread that goes on after destroy finds that everything is gone",
          "[misbehaves]") {
    const std::string ports = ANY_PORTS();
    {
        Bad bad(ports, "haunted");
        Peer peer = bad.connect();
        CHECK(echoes(peer, "hello"));
    }
    // The thread ends the process if an answer is another one.
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    // The library is still there, and serves again.
    Bad again(ports, "haunted");
    Peer peer = again.connect();
    CHECK(echoes(peer, "hello"));
}
