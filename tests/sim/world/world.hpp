// One run of the simulated world: the production code from host/net and host/plugin up, on
// simulated ports. It is put together, stopped and taken apart in the steps of host/server. The
// seed draws its peers and foreign threads.
//
//     start -> traffic -> (settle) -> drain -> finish -> join -> destroy
//
// Settling: the faults end, and peers read everything. Then what is owed must happen within a bound
// of time: an echo is complete, an owed on_writable comes, a client that waits for a place gets it,
// and idle connections are closed.
#pragma once

#include <thread>

#include "net/drain.hpp"
#include "sim/sim_port.hpp"
#include "sim/world/groups.hpp"
#include "sim/world/lookups.hpp"
#include "sim/world/outbound.hpp"
#include "sim/world/peers.hpp"
#include "sim/world/plugins.hpp"
#include "sim/world/timers.hpp"
#include "sim/world/works.hpp"

namespace portico::sim {

class World {
public:
    struct Outcome {
        // events in the trace: completions, arrivals, callbacks, calls of host functions
        std::uint64_t events = 0;
        std::uint64_t steps = 0;     // points at which another thread could go on
        std::uint64_t switches = 0;  // points at which another thread did go on
        std::uint64_t connections = 0;
        std::uint64_t digest = 0;  // hash of the trace: the same for two runs of a seed
    };

    // `banner` is printed above the trace when the run fails.
    World(std::uint64_t seed, const std::string& banner);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // The calling thread is the server's owner. Returns when all is over and correct; any violation
    // ends the process.
    [[nodiscard]] Outcome run();

private:
    struct Port;
    class SilentLog;

    void start();
    net::WorkerGroup* add_port(std::uint32_t threads, std::uint32_t batch);
    // Checks that clients that come one by one and stay are spread over the homes, and find all the
    // places at any address.
    void welcome_newcomers();
    // Sends one in the first milliseconds of a long callback, when nobody knows yet that it is
    // long.
    void send_latecomer();
    void call_from_threads();
    // A service with held connections that a foreign thread has to resume; null if there is none.
    [[nodiscard]] Service* wants_resume() const;
    void end_callers();
    void traffic();
    // An operator drains services and undoes that, until the traffic is over.
    void operate();
    void drain_by_operator(Service& service);
    void order_drain(Service& service);
    // True if the service will listen again, with `undos` above 0 until then.
    [[nodiscard]] bool undo_drain(Service& service);
    // A drained service loses its connections, listens again, and serves.
    void check_drained(Service& service);
    void settle();
    [[nodiscard]] bool is_settled() const;
    // The event that a peer still waits for, as the end of a sentence; null: none.
    [[nodiscard]] const char* awaited_by(const ScriptedPeer& peer) const;
    void drain();
    void finish();
    void take_apart();
    // What the plugins' metrics say is what they did.
    void check_counts();
    // What the host has counted is what it told the plugins, and has added up when all is over.
    void check_traffic();
    void check_traffic_of(const Service& service);
    void check_step();
    // Checks that a connected client does not wait for a busy worker if an idle one could open it.
    void check_waiting();
    void check_owed();

    Random random_;
    const Plan plan_;
    FaultMix faults_;
    Scheduler scheduler_;
    std::unique_ptr<Network> network_;
    Ledger ledger_;
    Calls calls_;
    WorldTimers timers_;
    WorldWorks works_;
    WorldGroups groups_;
    WorldLookups lookups_;
    std::unique_ptr<WorldOutbound> outbound_;  // null: nobody connects
    std::unique_ptr<SilentLog> log_;
    std::unique_ptr<net::ConnectionTable> table_;
    std::unique_ptr<plugin::Metrics> metrics_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<std::unique_ptr<Service>> services_;
    std::vector<std::unique_ptr<ScriptedPeer>> newcomers_;
    std::vector<std::unique_ptr<ScriptedPeer>> latecomers_;
    std::vector<std::unique_ptr<ScriptedPeer>> peers_;
    std::uint32_t workers_ = 0;

    std::thread operator_;
    bool operator_ends_ = false;
    std::vector<std::thread> callers_;
    bool callers_end_ = false;
    bool may_keep_waiting_ = true;
    bool is_settling_ = false;
    bool has_news_ = false;  // for drain(): an acceptor has stopped, or a last connection is gone
};

}  // namespace portico::sim
