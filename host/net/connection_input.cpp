// The less usual ends of an offer: a hold, the end of the peer's stream, and a drain that still
// offers what has arrived.
#include "net/connection_inline.hpp"

namespace portico::net {

// `answer` is hold or wait. If a resume came while on_data ran, what is left is offered on the next
// turn: at once, the same bytes could be offered without end.
void Connection::take_hold(Protocol::Answer answer) noexcept {
    if (resumed_) {
        offers_postponed_ = true;
        continue_later();
    } else {
        conditions_.hold = answer == Protocol::Answer::hold ? Hold::until_writable
                                                            : Hold::until_resume;
    }
}

void Connection::continue_later() noexcept {
    if (events_.fetch_or(event_continue, std::memory_order_acq_rel) == 0) {
        strand().deliver(*this);
    }
}

void Connection::call_on_end() noexcept {
    if (!rest_offered_ && !stash_.empty() &&
        context().framing.type == config::Framing::Type::none) {
        rest_offered_ = true;
        offer_stash();
        return;
    }
    on_end_called_ = true;
    since_ns_ = port().now();
    const std::size_t remaining = stash_.bytes().size();
    const bool is_framed = context().framing.type != config::Framing::Type::none;
    switch (protocol().on_end(*this, {is_framed && remaining != 0, remaining})) {
        case Protocol::Ending::close: want_close(CloseReason::peer); return;
        case Protocol::Ending::stay: return;
        case Protocol::Ending::failed: abort(CloseReason::plugin_error); return;
    }
}

// A drain of a protocol without on_drain: the receive comes back at once, with what has arrived.
void Connection::begin_last_input() noexcept {
    if (conditions_.input == Input::ended) {
        want_close(CloseReason::drain);
        return;
    }
    conditions_.input = Input::last;
    if (receiving_) {
        port().cancel(static_cast<ReceivePart&>(*this));
    }
}

// A paused protocol cannot be offered anything. One that holds goes on soon.
bool Connection::last_input_is_over() const noexcept {
    return conditions_.paused || (conditions_.hold == Hold::none && !receiving_ &&
                                  !offers_postponed_ && socket_.unread_bytes() == 0);
}

void Connection::receive_failed() noexcept {
    const ReceiveOperation& receive = *this;
    // our own cancel, of begin_last_input()
    if (conditions_.input != Input::last || receive.error != io::Error::aborted ||
        stage_ != Stage::open) {
        connection_failed(receive, "receive");
    }
}

}  // namespace portico::net
