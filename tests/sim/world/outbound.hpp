// The world's outbound connections: callbacks and foreign threads connect to servers of the
// simulated network, use and close such connections, and the record of each one is checked with
// each of its callbacks.
//
// Each accepted connect has exactly one on_close; on_open comes at most once and before any data;
// an upstream never has more connections than its limit; none is closed for a stop as long as the
// instance has an accepted connection; no connect is accepted after that. One server accepts
// nothing for a while, answers a little, ends its side, closes or resets, and finds the header of
// the PROXY protocol before all else, if there is to be one; at another port nobody listens; a
// third upstream has an address that does not answer, and then one that does: if nothing hinders
// it, a connect to it does not wait for the first.
//
// Concurrency: as in ledger.hpp, one thread of the run has the baton, and only host functions and
// callbacks give it away. The server acts in events.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sim/network_internals.hpp"
#include "sim/world/ledger.hpp"
#include "sim/world/service.hpp"

#include "portico/ext/connect.h"

namespace portico::sim {

class WorldOutbound {
public:
    WorldOutbound(Scheduler& scheduler, Network& network, Ledger& ledger, Random random);
    WorldOutbound(const WorldOutbound&) = delete;
    WorldOutbound& operator=(const WorldOutbound&) = delete;

    // Before the connector starts. Its upstreams have at most connections_max connections each.
    void add_upstreams(net::Connector& connector, const config::Limits& limits);
    static constexpr std::uint32_t connections_max = 4;
    static constexpr std::uint32_t upstreams = 3;

    // Connects, calls a host function for a connection, or does nothing: from any thread, in any
    // callback.
    void meddle(Service& from);
    // In destroy.
    void destroyed(const Service& service);
    // Of a world that has been quiet for a while: no connect is overdue.
    void check_overdue();
    // Every host's end is closed. The server goes.
    void stop();
    // Everything is over.
    void finish();

private:
    using Index = Network::Internals::Index;
    struct Line {
        WorldOutbound* all = nullptr;
        std::uint32_t number = 0;
        Service* service = nullptr;
        portico_connection handle = 0;  // stored by the host
        std::string_view upstream;
        std::uint64_t begun_ns = 0;
        std::uint64_t timeout_ns = 0;
        bool is_accepted = false;  // connect has returned PORTICO_OK
        bool is_refused = false;
        // A close was asked for. Before the connection opens, that sends what waits, and lingers.
        bool is_closing = false;
        std::uint32_t opens = 0;
        std::uint32_t closes = 0;
        std::uint32_t running = 0;
        std::uint32_t posts_accepted = 0;
        std::uint32_t posts_run = 0;
        std::uint64_t sent_at_most = 0;  // bytes of sends that were accepted, or may have been
        std::uint64_t received = 0;
        portico_status failed_with = PORTICO_OK;
        std::uint32_t mischief_left = 24;
    };
    struct Callbacks;

    void connect(Service& from);
    void use(Service& from, Line& line);
    [[nodiscard]] portico_status call(Service& from, Line& line);
    void closed(Line& line, const portico_closed& told);
    [[nodiscard]] portico_status draw_answer(Line& line);
    [[nodiscard]] std::uint32_t surely_open(const Service& service,
                                            std::string_view upstream) const noexcept;
    [[noreturn]] void violated(const Line& line, const std::string& what);
    void listen(const io::Address& address, int backlog, Index& listener);
    void act();
    // One of the servers' ends.
    struct Accepted {
        Index handle = 0;
        bool is_greeted = false;  // the header of the PROXY protocol has come, or none is to come
    };
    void act_on(Accepted& accepted);
    void read_from(Accepted& accepted, Network::Internals::End& end);

    // Runs a host function: meanwhile no callback may run on this thread.
    template <class Call>
    portico_status inside(Call&& call);

    static constexpr std::size_t lines_max = 60;  // of a run

    Scheduler& scheduler_;
    Network& network_;
    Ledger& ledger_;
    Random random_;
    Random servers_;
    std::vector<std::unique_ptr<Line>> all_;
    io::Address serving_;
    io::Address refusing_;
    io::Address stalling_;
    io::Address roomy_;
    Index listener_ = Network::Internals::none;
    Index stalling_listener_ = Network::Internals::none;
    Index roomy_listener_ = Network::Internals::none;
    std::vector<Accepted> accepted_;
    bool greets_ = false;  // connections to the serving upstream begin with such a header
    bool is_stopped_ = false;
};

}  // namespace portico::sim
