/* A plugin in a simulated world, for unit tests in any framework: a host without sockets, peers,
 * and a clock that stands still unless the test moves it. Link portico::testkit; C++17.
 *
 *     portico::testkit::options options;
 *     options.framing = "delimiter:\n";
 *     portico::testkit::world world(my_plugin_query, options);
 *     portico::testkit::peer peer = world.connect();
 *     peer.send("PING\n");
 *     world.run();
 *     assert(peer.take() == "PONG\n");
 *     world.stop();
 *     assert(world.findings().empty());
 *
 * What runs is the host's own code. A process has one world at a time, and one thread uses it. The
 * plugin's own threads may call the host as ever; they get their chance whenever the world runs. */
#ifndef PORTICO_TESTKIT_HPP
#define PORTICO_TESTKIT_HPP

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "portico.h"

#if defined(_WIN32)
#if defined(PORTICO_TESTKIT_BUILDS)
#define PORTICO_TESTKIT_API __declspec(dllexport)
#else
#define PORTICO_TESTKIT_API __declspec(dllimport)
#endif
#else
#define PORTICO_TESTKIT_API __attribute__((visibility("default")))
#endif

// The library's functions, for the classes below.
extern "C" {
struct portico_testkit_world;
struct portico_testkit_options {
    std::uint32_t struct_size;
    std::uint32_t send_queue_bytes;
    std::uint32_t max_send_bytes;
    std::uint32_t unconsumed_bytes;
    std::uint32_t max_message_bytes;
    std::uint32_t idle_timeout_ms;
    std::uint32_t half_close_timeout_ms;
    std::uint32_t guards_offers;
    std::uint64_t seed;
    const char *plugin;
    const char *settings;
    const char *framing;
    const char *upstreams;
};
// Null: `error` says why.
PORTICO_TESTKIT_API portico_testkit_world *portico_testkit_create(
    portico_plugin_query_function query, const portico_testkit_options *options, char *error,
    std::uint64_t error_capacity);
PORTICO_TESTKIT_API void portico_testkit_destroy(portico_testkit_world *world);
PORTICO_TESTKIT_API std::uint32_t portico_testkit_connect(portico_testkit_world *world,
                                                          std::uint32_t receive_room);
PORTICO_TESTKIT_API void portico_testkit_send(portico_testkit_world *world, std::uint32_t peer,
                                              const char *data, std::uint64_t size);
PORTICO_TESTKIT_API void portico_testkit_end_peer(portico_testkit_world *world, std::uint32_t peer,
                                                  std::uint32_t how);
PORTICO_TESTKIT_API void portico_testkit_reads(portico_testkit_world *world, std::uint32_t peer,
                                               std::uint32_t does);
PORTICO_TESTKIT_API const char *portico_testkit_received(portico_testkit_world *world,
                                                         std::uint32_t peer, std::uint64_t *size);
PORTICO_TESTKIT_API std::uint32_t portico_testkit_state(portico_testkit_world *world,
                                                        std::uint32_t peer);
PORTICO_TESTKIT_API void portico_testkit_run(portico_testkit_world *world,
                                             std::uint64_t duration_ns);
PORTICO_TESTKIT_API std::uint64_t portico_testkit_now(portico_testkit_world *world);
PORTICO_TESTKIT_API void portico_testkit_drain(portico_testkit_world *world);
PORTICO_TESTKIT_API std::int32_t portico_testkit_reload(portico_testkit_world *world);
PORTICO_TESTKIT_API void portico_testkit_stop(portico_testkit_world *world, std::uint32_t drain_ms);
// Text number `index`, or null; `what` 0: findings, 1: lines of the log.
PORTICO_TESTKIT_API const char *portico_testkit_text(portico_testkit_world *world,
                                                     std::uint32_t what, std::uint64_t index);
}

namespace portico::testkit {

// What a listener's configuration would say. 0: the default.
struct options {
    std::string plugin;            // of several in the module; else empty
    std::string settings = "{}";   // JSON
    std::string framing = "none";  // "delimiter:\n", "length_prefix:4", "length_prefix:2:little"
    // Names of servers for the plugin to connect to, with spaces between them. Each sends back what
    // it gets. (So does one at any address that the plugin connects to.)
    std::string upstreams;
    std::uint32_t send_queue_bytes = 0;
    std::uint32_t max_send_bytes = 0;
    std::uint32_t unconsumed_bytes = 0;
    std::uint32_t max_message_bytes = 0;
    std::uint32_t idle_timeout_ms = 0;
    std::uint32_t half_close_timeout_ms = 0;
    bool guards_offers = false;  // reading past an offer, or after it, ends the process
    std::uint64_t seed = 1;
};

enum class peer_state : std::uint32_t {
    open,      // connected, or about to be
    refused,   // it was never served
    finished,  // the plugin's side has ended its stream
    reset,
};

class world;

// A client. It is a handle: copy it as you like, and use it no longer than its world.
class peer {
public:
    // Goes out as there is room; the plugin gets it when the world runs.
    void send(std::string_view bytes) const {
        portico_testkit_send(world_, number_, bytes.data(), bytes.size());
    }
    // Ends its stream, after what was sent.
    void finish() const { portico_testkit_end_peer(world_, number_, 0); }
    void reset() const { portico_testkit_end_peer(world_, number_, 1); }
    // If it does not read, the plugin's sends find the queue full some time.
    void reads(bool does) const { portico_testkit_reads(world_, number_, does ? 1U : 0U); }

    // All that has come so far.
    [[nodiscard]] std::string_view received() const {
        std::uint64_t size = 0;
        const char *data = portico_testkit_received(world_, number_, &size);
        return {data, static_cast<std::size_t>(size)};
    }
    // What has come since the last take() of this handle.
    [[nodiscard]] std::string take() {
        const std::string_view all = received();
        const std::string_view fresh = all.substr(taken_);
        taken_ = all.size();
        return std::string(fresh);
    }
    [[nodiscard]] peer_state state() const {
        return static_cast<peer_state>(portico_testkit_state(world_, number_));
    }

private:
    friend class world;
    peer(portico_testkit_world *its_world, std::uint32_t number) noexcept
        : world_(its_world), number_(number) {}

    portico_testkit_world *world_;
    std::uint32_t number_;
    std::size_t taken_ = 0;
};

class world {
public:
    // Creates an instance with its listener. `query`: of PORTICO_PLUGIN_ENTRY_AS, or found in a
    // library. Throws std::runtime_error with the reason: the tables are wrong, or create fails.
    explicit world(portico_plugin_query_function query, const options &wanted = options()) {
        portico_testkit_options passed{};
        passed.struct_size = sizeof passed;
        passed.send_queue_bytes = wanted.send_queue_bytes;
        passed.max_send_bytes = wanted.max_send_bytes;
        passed.unconsumed_bytes = wanted.unconsumed_bytes;
        passed.max_message_bytes = wanted.max_message_bytes;
        passed.idle_timeout_ms = wanted.idle_timeout_ms;
        passed.half_close_timeout_ms = wanted.half_close_timeout_ms;
        passed.guards_offers = wanted.guards_offers ? 1U : 0U;
        passed.seed = wanted.seed;
        passed.plugin = wanted.plugin.c_str();
        passed.settings = wanted.settings.c_str();
        passed.framing = wanted.framing.c_str();
        passed.upstreams = wanted.upstreams.c_str();
        char error[512] = {};
        world_ = portico_testkit_create(query, &passed, error, sizeof error);
        if (world_ == nullptr) throw std::runtime_error(error);
    }
    // Stops at once, if stop() was not called.
    ~world() { portico_testkit_destroy(world_); }
    world(const world &) = delete;
    world &operator=(const world &) = delete;

    // `receive_room`: bytes that its system takes while it does not read; 0: plenty.
    [[nodiscard]] peer connect(std::uint32_t receive_room = 0) {
        return peer(world_, portico_testkit_connect(world_, receive_room));
    }

    // What follows from all that was said happens: a millisecond passes.
    void run() { portico_testkit_run(world_, 1'000'000); }
    // So much time passes, with all that is due meanwhile.
    void advance(std::uint64_t milliseconds) {
        portico_testkit_run(world_, milliseconds * 1'000'000);
    }
    // The host's clock, in nanoseconds.
    [[nodiscard]] std::uint64_t now() const { return portico_testkit_now(world_); }

    // An operator drains the listener (PORTICO_DRAIN_ADMIN).
    void drain() { portico_testkit_drain(world_); }
    // A new generation with the same settings serves new connections, and the old one is asked to
    // end (PORTICO_DRAIN_RELOAD). False: create has failed, and nothing has changed.
    [[nodiscard]] bool reload() { return portico_testkit_reload(world_) != 0; }
    // The host stops: drains, cuts what is still open after that time, destroys all instances.
    // Nothing but findings(), log() and the peers' received() may be used afterwards.
    void stop(std::uint32_t drain_ms = 5'000) { portico_testkit_stop(world_, drain_ms); }

    // Mistakes that the host has seen, such as work in on_close, as "name: sentence". The names are
    // those of `host verify`.
    [[nodiscard]] std::vector<std::string> findings() const { return texts(0); }
    // Warnings and errors of the host's log.
    [[nodiscard]] std::vector<std::string> log() const { return texts(1); }

private:
    [[nodiscard]] std::vector<std::string> texts(std::uint32_t what) const {
        std::vector<std::string> all;
        while (const char *text = portico_testkit_text(world_, what, all.size())) {
            all.emplace_back(text);
        }
        return all;
    }

    portico_testkit_world *world_ = nullptr;
};

}  // namespace portico::testkit

#endif
