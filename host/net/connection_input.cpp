// The offer of framed messages, and the less usual ends of an offer: a hold, the end of the peer's
// stream, and a drain that still offers what has arrived.
#include <optional>

#include "net/connection_inline.hpp"
#include "net/framing.hpp"

namespace portico::net {

std::size_t Connection::offer_framed(std::span<const std::byte> bytes) noexcept {
    const config::Framing& framing = context().framing;
    std::size_t done = 0;
    do {
        const std::span<const std::byte> rest = bytes.subspan(done);
        std::size_t scanned = scanned_;
        const Frame frame = next_frame(framing, rest, scanned);
        scanned_ = static_cast<std::uint32_t>(scanned);
        if (frame.kind == Frame::Kind::too_long) {
            abort(CloseReason::frame);
            break;
        }
        if (frame.kind == Frame::Kind::incomplete) {
            break;
        }
        resumed_ = false;
        std::size_t consumed = 0;
        const Protocol::Answer answer = protocol().on_data(
            *this,
            {rest.data(), frame.size, frame.payload_offset, frame.payload_size,
             frame_left_ ? frame.size : 0, false},
            consumed);
        if (answer == Protocol::Answer::failed || consumed > frame.size) {
            abort(CloseReason::plugin_error);
            break;
        }
        // A frame is consumed as a whole or not at all.
        frame_left_ = answer != Protocol::Answer::ok && consumed == 0;
        if (!frame_left_) {
            done += frame.size;
            ++messages_;
            traffic_->messages.add(1);
        }
        if (answer != Protocol::Answer::ok) {
            take_hold(answer);
        }
    } while (done < bytes.size() && may_offer());
    return done;
}

// `answer` is hold or wait. If a resume came while on_data ran, what is left is offered on the next
// turn: at once, the same bytes could be offered without end.
void Connection::take_hold(Protocol::Answer answer) noexcept {
    if (resumed_) {
        conditions_.hold = Hold::until_turn;
        end_turn_later();  // which calls continue_later()
    } else {
        conditions_.hold = answer == Protocol::Answer::hold ? Hold::until_writable
                                                            : Hold::until_resume;
    }
}

// Only at the end of a turn: mail that is sent earlier may be delivered in the same turn.
void Connection::continue_later() noexcept {
    if (!continuing_) {
        continuing_ = true;
        if (events_.fetch_or(event_continue, std::memory_order_acq_rel) == 0) {
            strand().deliver(*this);
        }
    }
}

void Connection::call_on_end() noexcept {
    if (!rest_offered_ && !stash_.empty() &&
        context().framing.type == config::Framing::Type::none) {
        rest_offered_ = true;
        offer_stash();
        return;
    }
    on_end_called_ = counts_movement_ = true;
    since_ns_ = port().now();
    const std::size_t remaining = stash_.bytes().size();
    const bool is_framed = context().framing.type != config::Framing::Type::none;
    switch (protocol().on_end(*this, {is_framed && remaining != 0, remaining})) {
        case Protocol::Ending::close: want_close(CloseReason::peer); return;
        case Protocol::Ending::stay: return;
        case Protocol::Ending::failed: abort(CloseReason::plugin_error); return;
    }
}

void Connection::peer_ended() noexcept {
    const bool is_draining = conditions_.input == Input::drain_asked ||
                             conditions_.input == Input::last;
    conditions_.input = is_draining ? Input::last_ended : Input::ended;
}

// A drain of a protocol without on_drain. The receive comes back, with what it may have, so that
// what has arrived can be counted.
void Connection::begin_last_input() noexcept {
    if (has_ended()) {
        conditions_.input = Input::last_ended;
        return;
    }
    conditions_.input = Input::drain_asked;
    if (receiving_) {
        port().cancel(static_cast<ReceivePart&>(*this));
    }
}

// In a drain: true if all that had arrived was offered. A protocol that holds has an unanswered
// message, and is waited for. One that has paused is not: it was offered nothing.
bool Connection::last_input_is_over() noexcept {
    if (conditions_.input == Input::ended) {
        return false;  // no drain
    }
    if (conditions_.paused) {
        return true;
    }
    if (conditions_.hold != Hold::none || conditions_.offer_due) {
        return false;
    }
    if (conditions_.input == Input::drain_asked) {
        if (receiving_) {
            return false;
        }
        // What was read ahead is no longer in the system's buffer, but it counts as received there.
        // (So may the peer's end. Then it ends this.)
        const std::optional<io::Progress> progress = port().reads_ahead() ? socket_.progress()
                                                                          : std::nullopt;
        drain_target_ = static_cast<std::uint32_t>(
            progress ? progress->received_bytes : received_bytes_ + socket_.unread_bytes());
        conditions_.input = Input::last;
    }
    return conditions_.input == Input::last_ended ||
           static_cast<std::int32_t>(static_cast<std::uint32_t>(received_bytes_) - drain_target_) >=
               0;
}

void Connection::receive_failed() noexcept {
    const ReceiveOperation& receive = *this;
    // begin_last_input() has cancelled it
    const bool is_own_cancel = receive.error == io::Error::aborted &&
                               (conditions_.input == Input::drain_asked ||
                                conditions_.input == Input::last);
    if (!is_own_cancel) {
        connection_failed(receive, "receive");
    }
}

}  // namespace portico::net
