#include "net/drain.hpp"

namespace portico::net {

Drain::Drain(ConnectionTable& table, std::vector<Acceptor*> acceptors,
             const std::function<void()>& changed)
    : table_(table), acceptors_(std::move(acceptors)) {
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        // This object may be gone once the last one is counted, so the function has its own copy of
        // `changed`.
        stopped_.emplace_back([this, changed] {
            accepting_.fetch_sub(1, std::memory_order_acq_rel);
            changed();
        });
    }
}

void Drain::begin(std::uint32_t deadline_ms) noexcept {
    deadline_ms_ = deadline_ms;
    accepting_.store(acceptors_.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        acceptors_[i]->stop(std::move(stopped_[i]));
    }
    drain_connections();
}

bool Drain::step(bool late) noexcept {
    if (accepting_.load(std::memory_order_acquire) == 0) {
        if (!drained_the_last_) {
            drained_the_last_ = true;
            drain_connections();  // those accepted while accepting ended
        }
        if (open_connections() == 0) {
            return true;
        }
    }
    if (orders_missing_) {
        drain_connections();
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

// A connection that is closing needs no order, and one that has had its order ignores another.
void Drain::drain_connections() noexcept {
    orders_missing_ = false;
    table_.for_each_live([&](Connection& connection) {
        orders_missing_ = connection.drain(connection.generation(), deadline_ms_) ==
                              CallResult::no_memory ||
                          orders_missing_;
    });
}

std::uint64_t Drain::open_connections() const noexcept {
    std::uint64_t open = 0;
    for (const Acceptor* acceptor : acceptors_) {
        open += acceptor->open_connections();
    }
    return open;
}

}  // namespace portico::net
