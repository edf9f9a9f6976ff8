// The connector of one listener: it opens the connections that the listener's instance makes to
// other servers, and counts them. It is the acceptor's counterpart.
//
// An outbound connection is a Connection like any other; only its beginning differs
// (connecting.hpp). Each belongs to an upstream, which bounds how many there are, or to
// none; then it takes one of the places of the listener's accepted connections.
//
// The end. Outbound connections serve accepted ones. So in a stop they are not drained beside
// these. When the last accepted connection has ended, Drain calls end(): no connect is accepted
// from then on, and each outbound connection flushes and closes.
//
// Concurrency: mutex_ guards everything but the atomics, since connecting is not the steady path. A
// connection's word is opened under it. So whoever has called end() finds each connection that was
// let in before.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "net/acceptor.hpp"
#include "net/traffic.hpp"

namespace portico::net {

struct Connecting;
struct SpareAttempt;

class Connector {
public:
    // What was connected to an upstream, or to none.
    struct Outbound {
        explicit Outbound(const std::vector<WorkerGroup*>& homes) : traffic(homes) {}

        Traffic traffic;
        Tally begun;  // connects, successful or not; under mutex_
    };

    // A server of the configuration. Constant, except for `open`.
    struct Upstream {
        std::string name;
        std::vector<io::Address> addresses;  // at least one
        std::uint32_t connect_timeout_ms = 0;
        config::Framing framing;
        config::Limits limits;
        config::SendProxy send_proxy = config::SendProxy::none;
        std::uint32_t open = 0;            // connections to it
        std::unique_ptr<Outbound> counts;  // set by add()
    };

    // What a connection is to be.
    struct Target {
        Upstream* upstream = nullptr;  // one of find(); null: `address`
        io::Address address;
        std::uint32_t timeout_ms = 0;  // 0: the upstream's, or the default
        // It lives in the group of this connection of the instance, and is for its peer
        // (send_proxy). Null: the connector chooses, and it is for nobody.
        Connection* beside = nullptr;
        std::uint64_t beside_generation = 0;
        Protocol* protocol = nullptr;  // outlives the connections
        void* state = nullptr;         // its first Connection::state
    };
    enum class Result : std::uint8_t { ok, not_yet, limit, gone, no_memory };

    // `homes`, `shared_strand`, `listener`: as the acceptor's. All outlive the connector.
    Connector(ConnectionTable& table, Acceptor& acceptor, const std::vector<WorkerGroup*>& homes,
              Strand* shared_strand, const ConnectionContext& listener);
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    // The order in which addresses are tried: as given, but the families take turns (RFC 8305,
    // section 4). If one family does not get through, the second attempt is one with the other.
    [[nodiscard]] static std::vector<io::Address> take_turns(
        const std::vector<io::Address>& addresses);

    // Before start(): one more upstream, whose addresses take turns.
    void add(Upstream upstream);
    // Connects are accepted from now on. `last_released` is called, on a worker thread, each time
    // the last outbound connection has ended.
    void start(std::function<void()> last_released);

    // ---- From any thread.
    // Null if there is none of that name.
    [[nodiscard]] Upstream* find(std::string_view name) noexcept;
    // Begins to connect. After `ok` the connection has `handle`, and its protocol gets exactly one
    // on_close. `handle` is written before the first callback.
    [[nodiscard]] Result connect(const Target& target, std::uint64_t& handle) noexcept;
    // Refuses connects from now on.
    void end() noexcept;
    [[nodiscard]] bool is_ending() const noexcept {
        return is_ending_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::uint32_t open_connections() const noexcept {
        return open_.load(std::memory_order_acquire);
    }
    // On a strand: an attempt that has a socket of its own, and is given back when that is closed.
    // Null: no memory.
    [[nodiscard]] SpareAttempt* take_spare() noexcept;
    void give_spare(SpareAttempt& spare) noexcept;
    // Calls action(name, const Outbound&) for each upstream, and with an empty name for the
    // connections to none.
    template <class Action>
    void for_each_outbound(Action&& action) const {
        action(std::string_view(), without_upstream_);
        for (const std::unique_ptr<Upstream>& upstream : upstreams_) {
            action(std::string_view(upstream->name), *upstream->counts);
        }
    }
    // The number of connects that were ever begun.
    [[nodiscard]] std::uint64_t connects() const noexcept {
        return connects_.load(std::memory_order_relaxed);
    }

private:
    // The context of all connections to one upstream (or to none) with one protocol. It stays until
    // the server ends: handles of such connections may be looked up as long.
    struct Route {
        Connector* connector = nullptr;
        Upstream* upstream = nullptr;
        ConnectionContext context;
    };
    static constexpr std::size_t routes_max = 1'024;

    // Under mutex_.
    [[nodiscard]] Result open(const Target& target, std::span<const std::byte> greeting,
                              std::unique_ptr<Connecting>& connecting, Connection*& connection);
    static void count(Outbound& outbound, Result result) noexcept;
    [[nodiscard]] Route* route_of(const Target& target);
    [[nodiscard]] WorkerGroup* home_of(const Target& target) noexcept;
    [[nodiscard]] Outbound& outbound_of(const Upstream* upstream) noexcept {
        return upstream != nullptr ? *upstream->counts : without_upstream_;
    }
    [[nodiscard]] bool take_place(Upstream* upstream) noexcept;
    void give_place(Upstream* upstream) noexcept;

    // On any worker's thread.
    void connection_released(Upstream* upstream) noexcept;

    ConnectionTable& table_;
    Acceptor& acceptor_;
    const std::vector<WorkerGroup*> homes_;
    Strand* const shared_strand_;
    const ConnectionContext& listener_;
    std::function<void()> last_released_;               // set by start()
    std::vector<std::unique_ptr<Upstream>> upstreams_;  // constant after start()
    Outbound without_upstream_;

    std::mutex mutex_;
    std::vector<std::unique_ptr<Route>> routes_;
    SpareAttempt* spares_ = nullptr;  // those that nobody uses
    std::size_t next_home_ = 0;
    bool started_ = false;
    // Written under mutex_. The release pairs with the acquire of threads that drain.
    std::atomic<bool> is_ending_{false};
    // Raised under mutex_ before a connection opens, lowered (release) when it is released. A
    // server that reads 0 (acquire) sees what those connections did.
    std::atomic<std::uint32_t> open_{0};
    std::atomic<std::uint64_t> connects_{0};  // a statistic
};

}  // namespace portico::net
