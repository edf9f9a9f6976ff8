#include "net/drain.hpp"

namespace portico::net {

void Drain::begin(std::uint32_t deadline_ms) {
    deadline_ms_ = deadline_ms;
    accepting_.store(acceptors_.size(), std::memory_order_relaxed);
    for (Acceptor* acceptor : acceptors_) {
        // Once the last one is counted out, this object may be gone: `changed` is the function's own.
        acceptor->stop([this, changed = changed_] {
            accepting_.fetch_sub(1, std::memory_order_acq_rel);
            changed();
        });
    }
    tell();
}

bool Drain::step(bool late) {
    if (accepting_.load(std::memory_order_acquire) == 0) {
        if (!told_the_last_) {
            told_the_last_ = true;
            tell();  // those that were accepted while accepting came to its end
        }
        if (open_connections() == 0) {
            return true;
        }
    }
    if (late) {
        if (!cutting_) {
            cutting_ = true;
            connections_cut_ = open_connections();
        }
        table_.for_each([](Connection& connection) { static_cast<void>(connection.cut(connection.generation())); });
    }
    return false;
}

// One that is closing already has nothing to be told, one that was told before ignores it, and one without memory for the message is cut at the
// deadline.
void Drain::tell() {
    table_.for_each([&](Connection& connection) { static_cast<void>(connection.drain(connection.generation(), deadline_ms_)); });
}

std::uint64_t Drain::open_connections() const noexcept {
    std::uint64_t open = 0;
    for (const Acceptor* acceptor : acceptors_) {
        open += acceptor->open_connections();
    }
    return open;
}

}  // namespace portico::net
