#include "net/drain.hpp"

#include <algorithm>

namespace portico::net {

namespace {

// A connection that is closing needs no order, and one that has had its order ignores another.
// False: memory was out for some.
template <class IsMeant>
bool order(ConnectionTable& table, const Draining& draining, IsMeant&& is_meant) noexcept {
    bool has_memory = true;
    table.for_each_live([&](Connection& connection) {
        const std::uint64_t generation = connection.generation();
        if (is_meant(connection, generation) &&
            connection.drain(generation, draining) == CallResult::no_memory) {
            has_memory = false;
        }
    });
    return has_memory;
}

}  // namespace

bool drain_accepted(ConnectionTable& table, const ConnectionContext& context) noexcept {
    return order(table, {DrainReason::admin, UINT64_MAX},
                 [&](const Connection& connection, std::uint64_t generation) {
                     return connection.is_accepted_by(context, generation);
                 });
}

Drain::Drain(ConnectionTable& table, std::vector<Acceptor*> acceptors,
             const std::function<void()>& changed, std::vector<Connector*> connectors)
    : table_(table), acceptors_(std::move(acceptors)), connectors_(std::move(connectors)) {
    PORTICO_ASSERT(connectors_.empty() || connectors_.size() == acceptors_.size());
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        // This object may be gone once the last one is counted, so the function has its own copy of
        // `changed`.
        stopped_.emplace_back([this, changed] {
            accepting_.fetch_sub(1, std::memory_order_acq_rel);
            changed();
        });
        on_stop_returned_.push_back(changed);
    }
}

void Drain::begin(const Draining& draining) noexcept {
    draining_ = draining;
    accepting_.store(acceptors_.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        acceptors_[i]->stop(std::move(stopped_[i]));
        acceptors_[i]->protocol().begin_stop(draining, std::move(on_stop_returned_[i]));
    }
    drain_connections();
}

bool Drain::step(bool late) noexcept {
    if (!drained_the_last_) {
        // Those that were accepted while accepting ended, and those whose instance was to learn of
        // the stop first.
        drained_the_last_ = accepting_.load(std::memory_order_acquire) == 0 && all_may_drain();
        drain_connections();
    } else if (orders_missing_) {
        drain_connections();
    }
    end_outbound(late);
    if (accepting_.load(std::memory_order_acquire) == 0 && all_are_ending() &&
        open_connections() == 0) {
        return true;
    }
    if (late) {
        if (!cutting_) {
            cutting_ = true;
            connections_cut_ = open_connections();
        }
        table_.for_each_live([](Connection& connection) {
            static_cast<void>(connection.cut(connection.generation()));
        });
    }
    return false;
}

// An instance whose last accepted connection has ended makes no more outbound ones, and those that
// are open close. It has learned of the stop before, so it may still have used them.
void Drain::end_outbound(bool late) noexcept {
    if (accepting_.load(std::memory_order_acquire) != 0 && !late) {
        return;
    }
    bool has_ended_one = false;
    for (std::size_t i = 0; i < connectors_.size(); ++i) {
        Connector& connector = *connectors_[i];
        const Acceptor& acceptor = *acceptors_[i];
        const bool is_due = acceptor.open_connections() == 0 &&
                            (acceptor.protocol().may_drain() || connector.open_connections() == 0);
        if ((is_due || late) && !connector.is_ending()) {
            connector.end();
            has_ended_one = true;
        }
    }
    if (has_ended_one && !late) {
        drain_connections();
    }
}

bool Drain::all_are_ending() const noexcept {
    return std::all_of(connectors_.begin(), connectors_.end(),
                       [](const Connector* connector) { return connector->is_ending(); });
}

void Drain::drain_connections() noexcept {
    orders_missing_ = !order(table_, draining_, [](const Connection& connection, std::uint64_t) {
        return connection.may_drain();
    });
}

bool Drain::all_may_drain() const noexcept {
    return std::all_of(acceptors_.begin(), acceptors_.end(),
                       [](const Acceptor* acceptor) { return acceptor->protocol().may_drain(); });
}

std::uint64_t Drain::open_connections() const noexcept {
    std::uint64_t open = 0;
    for (const Acceptor* acceptor : acceptors_) {
        open += acceptor->open_connections();
    }
    for (const Connector* connector : connectors_) {
        open += connector->open_connections();
    }
    return open;
}

}  // namespace portico::net
