// Ends a server's connections in steps: accepting stops, each instance learns of it (on_stop), each
// of its accepted connections is asked to end (on_drain), its outbound ones close when the last
// accepted one has ended, and what is open at the deadline is cut.
//
// The server calls begin() once and then step() until everything is over. In between it waits until
// `changed` has been called or it has its own reason to look again. The caller chooses how to wait;
// Drain reads no clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "net/acceptor.hpp"
#include "net/connection_table.hpp"
#include "net/connector.hpp"

namespace portico::net {

// Asks all connections that were accepted for `context` to end, because an operator wants it and
// without a deadline. From any thread. False: memory was out for some of these orders.
[[nodiscard]] bool drain_accepted(ConnectionTable& table,
                                  const ConnectionContext& context) noexcept;

class Drain {
public:
    // `changed`: called from any thread when an acceptor has stopped, or an instance's on_stop has
    // returned, so that step() may find more than before. (The acceptors' `last_released` reports
    // the connections.) What it refers to
    // outlives the workers; the drain itself may end as soon as step() has returned true. The
    // constructor takes all the memory that the drain needs. Make the drain when the server starts,
    // so that the server can always stop.
    // `connectors`: of the same listeners in the same order; or none.
    Drain(ConnectionTable& table, std::vector<Acceptor*> acceptors,
          const std::function<void()>& changed, std::vector<Connector*> connectors = {});
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

    // Asks every acceptor and every instance to stop, and every open connection to end. It does not
    // wait: a blocking callback may hold up an acceptor of its own group, or an on_stop, and must
    // not hold up the drain of the others.
    void begin(const Draining& draining) noexcept;

    // True when no acceptor and no connection is left. `late`: the deadline has passed; each such
    // step cuts what is open then, because an earlier cut may have found no memory, or a connection
    // may have been accepted meanwhile.
    [[nodiscard]] bool step(bool late) noexcept;

    // True if memory was out for a connection's order: then step() is due again soon, whatever
    // happens.
    [[nodiscard]] bool is_incomplete() const noexcept { return orders_missing_ || cutting_; }

    // Connections that were open at the first late step.
    [[nodiscard]] std::uint64_t connections_cut() const noexcept { return connections_cut_; }

private:
    [[nodiscard]] std::uint64_t open_connections() const noexcept;
    [[nodiscard]] bool all_may_drain() const noexcept;
    void drain_connections() noexcept;
    void end_outbound(bool late) noexcept;
    [[nodiscard]] bool all_are_ending() const noexcept;

    ConnectionTable& table_;
    const std::vector<Acceptor*> acceptors_;
    const std::vector<Connector*> connectors_;
    std::vector<std::function<void()>> stopped_;  // what each acceptor calls when it has stopped
    std::vector<std::function<void()>>
        on_stop_returned_;  // what each instance calls after its on_stop
    Draining draining_;
    bool drained_the_last_ = false;
    bool orders_missing_ = false;
    bool cutting_ = false;
    std::uint64_t connections_cut_ = 0;
    // Acceptors that have not stopped yet. The release when one stops pairs with the acquire of
    // step(), which then finds all its connections.
    std::atomic<std::size_t> accepting_{0};
};

}  // namespace portico::net
