// A plugin in the simulated world: the host's production code on the simulated port, one worker,
// peers, and a clock that stands still unless run_for() moves it.
//
//     World world(plugin, options);
//     world.create();                    // an instance, with its listener
//     Peer& peer = world.connect();
//     peer.send("PING\n");
//     world.run_for(millisecond);        // everything that follows from it happens
//     peer.received()                    // "PONG\n"
//     world.stop(1'000);
//
// The thread that makes it drives it. A process has one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "config/config.hpp"
#include "net/acceptor.hpp"
#include "net/connection_table.hpp"
#include "net/connector.hpp"
#include "plugin/instance.hpp"
#include "plugin/metrics.hpp"
#include "sim/fault_mix.hpp"
#include "sim/network.hpp"
#include "verify/servers.hpp"
#include "verify/watch.hpp"

namespace portico::verify {

inline constexpr std::uint64_t millisecond = base::nanoseconds_per_millisecond;
inline constexpr std::uint64_t second = base::nanoseconds_per_second;

// A client of the plugin.
class Peer {
public:
    enum class End : std::uint8_t {
        none,      // the connection is open
        refused,   // it was never served
        finished,  // the plugin's side has ended its stream
        reset,
    };

    explicit Peer(sim::Network& network);

    void connect(const io::Address& to, std::uint32_t receive_room);
    // Goes out as there is room for it.
    void send(std::string_view bytes);
    // Ends the stream, after what was sent.
    void finish();
    void reset();
    void close();
    // If not, what comes stays in the network, and the sender finds no room.
    void reads(bool does);

    [[nodiscard]] const std::string& received() const noexcept { return received_; }
    [[nodiscard]] End end() const noexcept;
    [[nodiscard]] bool has_sent_all() const noexcept { return to_send_.empty(); }

private:
    void progress();
    void exchange_bytes();

    sim::SimPeer peer_;
    std::string to_send_;
    std::string received_;
    bool reads_ = true;
    bool is_finishing_ = false;
    bool is_progressing_ = false;
    bool is_due_ = false;
    End end_ = End::none;
};

// Keeps the lines of warnings and errors.
class KeptLog final : public base::Log {
public:
    explicit KeptLog(base::LogLevel level) : Log(level) {}
    void write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
               std::string_view text) noexcept override;
    [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    std::vector<std::string> lines_;
};

class World {
public:
    struct Options {
        std::uint64_t seed = 1;
        sim::FaultMix faults;
        std::uint32_t receive_buffer_bytes = 65'536;
        config::Listener listener;  // settings, framing, limits, upstreams
        Servers::Manner servers = Servers::Manner::echo;
        // Threads of the plugin may call the host at any time, so each moment lasts a while. (Once
        // one has called, it does so anyway.)
        bool waits_for_threads = false;
        Watch::Options watch;
    };

    World(const portico_plugin& plugin, Options options);
    // Stops, without time to drain, if stop() was not called.
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Calls validate with the settings. Returns the mistakes.
    [[nodiscard]] std::vector<std::string> validate();
    // Creates one more instance, beside those that exist: a new generation, or (`is_reload` false)
    // that of another listener. Returns the mistakes; then there is none. New peers connect to the
    // newest one.
    [[nodiscard]] std::vector<std::string> create(bool is_reload = false);
    // The oldest instance serves no new connections, and its connections are asked to end.
    void retire_oldest();

    // To the instance with that number, from 0. `receive_room`: of the peer's end; 0: plenty.
    Peer& connect_to(std::size_t instance, std::uint32_t receive_room = 0);
    Peer& connect(std::uint32_t receive_room = 0) {
        return connect_to(services_.size() - 1, receive_room);
    }
    [[nodiscard]] const std::vector<std::unique_ptr<Peer>>& peers() const noexcept {
        return peers_;
    }

    // Time passes, and what happens meanwhile happens.
    void run_for(std::uint64_t duration_ns);
    // The same until the condition is true. False: the time is over.
    template <class Condition>
    bool run_until(Condition condition, std::uint64_t at_most_ns) {
        const std::uint64_t until = now() + at_most_ns;
        // Longer and longer, since most of a long wait is idle.
        for (std::uint64_t step = millisecond; !condition(); step = std::min(2 * step, second)) {
            if (now() >= until) {
                return false;
            }
            run_for(std::min(until - now(), step));
        }
        return true;
    }
    // Asks all connections to end, as an operator's order to drain does.
    void drain();
    // Ends everything as a host does: drains, cuts what is open after `drain_ms`, destroys.
    void stop(std::uint32_t drain_ms);

    [[nodiscard]] std::uint64_t now() const noexcept { return scheduler_.now(); }
    [[nodiscard]] Watch& watch() noexcept { return watch_; }
    [[nodiscard]] sim::FaultMix& faults() noexcept { return options_.faults; }
    [[nodiscard]] const std::vector<std::string>& log() const noexcept { return log_.lines(); }
    [[nodiscard]] std::uint32_t open_connections() const noexcept;

private:
    // An instance with its listener.
    struct Service {
        config::Listener listener;
        std::unique_ptr<plugin::Instance> instance;
        net::ConnectionContext context;
        std::unique_ptr<net::Acceptor> acceptor;
        std::unique_ptr<net::Connector> connector;
        io::Address address;
        bool is_created = false;
        bool is_retired = false;
        bool has_stopped = false;  // accepting, when it was retired
        bool has_learned = false;  // likewise: on_stop has returned
    };

    void add_upstreams(Service& service);
    void listen(Service& service);
    void round(std::uint64_t until_ns);
    void let_threads_work();
    void drain_connections(const Service& service, net::DrainReason reason,
                           std::uint64_t deadline_ns);
    void end_retired(bool is_late);
    void end_instances();

    Options options_;
    sim::Random random_;
    sim::Scheduler scheduler_;
    sim::Network network_;
    Servers servers_;
    KeptLog log_;
    Watch watch_;
    io::BufferPool receive_buffers_;
    io::BufferPool send_chunks_;
    std::unique_ptr<net::WorkerGroup> group_;
    std::unique_ptr<net::ConnectionTable> table_;
    std::unique_ptr<plugin::Metrics> metrics_;
    std::vector<std::unique_ptr<Service>> services_;
    std::vector<std::unique_ptr<Peer>> peers_;
    bool is_stopped_ = false;
};

}  // namespace portico::verify
