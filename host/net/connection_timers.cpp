// The protocol's timers of a connection: their calls, and their end.
#include "net/connection_inline.hpp"

namespace portico::net {

// The strand, and the home of its own strand, are stored before the word opens a generation, and do
// not change before it is over. So if the generation still lives when the lock is held
// (Connection::takes_calls), what was loaded here is its home. The strand of another instance is
// not followed, because it may be gone.
WorkerGroup* Connection::home_for(Strand& shared_strand) noexcept {
    const Strand* strand = strand_.load(std::memory_order_acquire);
    if (strand == &own_strand_) {
        return own_strand_.home_at_some_time();
    }
    return strand == &shared_strand ? &shared_strand.home() : nullptr;
}

void Connection::run_timers() noexcept {
    if (stage_ == Stage::opening) {
        raise_timers(false);  // after on_open
        return;
    }
    Timers& timers = strand().home().timers();
    timers.arrived(timers_);
    Timers::Call call;
    for (int left = Timers::calls_max; left > 0 && timers.take(timers_, is_closing(), false, call);
         --left) {
        protocol().on_timer(this, call);
        if (!call.is_last) {
            timers.called(call);
        }
    }
    if (timers.has_more(timers_)) {
        raise_timers(false);
    }
    advance();
}

bool Connection::end_timers() noexcept {
    Timers& timers = strand().home().timers();
    Timers::Call call;
    while (timers.take(timers_, true, true, call)) {
        protocol().on_timer(this, call);
    }
    return timers.are_over(timers_);
}

}  // namespace portico::net
