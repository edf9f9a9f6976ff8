#include "net/connection.hpp"

#include <functional>
#include <utility>

#include "base/inline.hpp"
#include "net/connection_inline.hpp"
#include "net/sharing.hpp"
#include "net/worker.hpp"

namespace portico::net {

namespace {

// The most sends in one turn if the system takes them at once: a peer that reads as fast as the
// plugin fills the queue must not keep the others waiting.
constexpr int sends_at_once_max = 4;

}  // namespace

Connection::Connection(ConnectionTable& table, std::uint32_t index) noexcept
    : index_(index), table_(&table) {
    ReceivePart::socket = &socket_;
    SendPart::socket = &socket_;
    // An operation is not touched before its event is handled on the strand.
    ReceivePart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<ReceivePart&>(operation)).raise<event_received>();
    };
    SendPart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<SendPart&>(operation)).raise<event_sent>();
    };
    TimerPart::completed = [](io::Operation& operation) {
        static_cast<Connection&>(static_cast<TimerPart&>(operation)).raise<event_timer>();
    };
    Mail::deliver = [](Mail& mail) {
        auto& connection = static_cast<Connection&>(mail);
        connection.begin_on(*Worker::current());
        Sharing::take_what_is_on_its_way(connection);
        connection.dispatch(connection.events_.exchange(0, std::memory_order_acq_rel));
    };
}

Connection::~Connection() {
    PORTICO_ASSERT(stage_ == Stage::free);
}

// ---- events

template <Connection::Event event>
void Connection::raise() noexcept {
    Worker& worker = *Worker::current();
    Strand& home = strand();
    if (home.begin_turn(worker)) {
        worker.before_callback(context());
        if constexpr (event == event_received) {
            received();
        } else {
            dispatch(event);
        }
        home.end_turn(worker);
    } else if (events_.fetch_or(event, std::memory_order_acq_rel) == 0) {
        home.deliver(*this);
    }
}

void Connection::begin_at_home() noexcept {
    raise<event_opened>();
}

void Connection::raise_timers(bool at_home) noexcept {
    if (at_home) {
        raise<event_timers>();
    } else if (events_.fetch_or(event_timers, std::memory_order_acq_rel) == 0) {
        strand().deliver(*this);
    }
}

void Connection::dispatch(std::uint8_t events) noexcept {
    if ((events & event_continue) != 0) {
        continuing_ = sends_postponed_ = false;
        if (conditions_.hold == Hold::until_turn) {
            conditions_.hold = Hold::none;
            conditions_.offer_due = !stash_.empty();
        }
        end_turn_later();
    }
    if ((events & event_opened) != 0) {
        opened();
    }
    if ((events & event_received) != 0) {
        received();
    }
    if ((events & event_sent) != 0) {
        sent();
    }
    if ((events & event_timer) != 0) {
        timer_fired();
    }
    if (events >= event_continue) {
        dispatch_rare(events);
    }
}

void Connection::dispatch_rare(std::uint8_t events) noexcept {
    if ((events & event_continue) != 0) {
        advance();
    }
    if ((events & event_timers) != 0) {
        run_timers();
    }
}

PORTICO_ALWAYS_INLINE void Connection::received() noexcept {
    receiving_ = false;
    const ReceiveOperation& receive = *this;
    if (receive.error != io::Error::none) {
        receive_failed();
    } else if (receive.bytes == 0) {
        peer_ended();
    } else {
        received_bytes_ += receive.bytes;
        traffic_->received_bytes.add(receive.bytes);
        touch();
        if (stage_ == Stage::lingering && draining_) {
            moved_at(port().now());
        }
        if (stage_ == Stage::open) {
            offer_received({receive.buffer.data, receive.bytes});
        }
        if (adopted_) {
            adopted_ = false;
        } else {
            port().buffers().give_back(receive.buffer);
        }
    }
    advance();
}

PORTICO_ALWAYS_INLINE void Connection::offer_received(std::span<const std::byte> bytes) noexcept {
    if (stash_.empty() && may_offer()) {
        const io::BufferPool& pool = port().buffers();
        // During the offer the plugin may send the bytes back without a copy.
        if (bytes.size() >= pool.buffer_bytes() / 2 &&
            pool.headroom_bytes() >= SendQueue::chunk_overhead) [[unlikely]] {
            is_adoptable_ = true;
        }
        bytes = bytes.subspan(offer(bytes));
        if (is_adoptable_) [[unlikely]] {
            is_adoptable_ = false;
        }
    } else if (!stash_.empty()) {
        conditions_.offer_due = true;
    }
    if (!bytes.empty() && !conditions_.close_wanted && !conditions_.aborting) {
        // Bytes that came while reading was paused have not been offered yet.
        conditions_.offer_due = conditions_.offer_due || conditions_.paused;
        if (!stash_.append(bytes)) {
            abort(CloseReason::no_memory);
        }
    }
}

PORTICO_ALWAYS_INLINE std::size_t Connection::offer(std::span<const std::byte> bytes) noexcept {
    return context().framing.type == config::Framing::Type::none ? offer_unframed(bytes)
                                                                 : offer_framed(bytes);
}

// Offers everything received as one message. Bytes that were not consumed wait for more.
PORTICO_ALWAYS_INLINE std::size_t Connection::offer_unframed(
    std::span<const std::byte> bytes) noexcept {
    resumed_ = false;
    std::size_t consumed = 0;
    const Protocol::Answer answer = protocol().on_data(
        *this, {bytes.data(), bytes.size(), 0, bytes.size(), scanned_, rest_offered_}, consumed);
    if (answer == Protocol::Answer::ok && consumed == bytes.size()) [[likely]] {
        count_message();
        return consumed;  // (offer_stash() clears scanned_)
    }
    if (consumed != 0) {
        count_message();
    }
    if (answer == Protocol::Answer::failed || consumed > bytes.size()) {
        abort(CloseReason::plugin_error);
        return 0;
    }
    scanned_ = static_cast<std::uint32_t>(bytes.size() - consumed);
    if (answer != Protocol::Answer::ok) {
        take_hold(answer);
    } else if (bytes.size() - consumed >= context().limits.unconsumed_bytes &&
               !SlotWord::is_closing(word_.load())) {
        // (If the plugin has just asked for a close, nobody wants what it left, and its sends must
        // not be lost for that.)
        abort(CloseReason::unconsumed);
    }
    return consumed;
}

void Connection::offer_stash() noexcept {
    conditions_.offer_due = false;
    const std::size_t done = offer(stash_.bytes());
    stash_.consume(done);
    if (stash_.empty() && !conditions_.aborting) {
        scanned_ = 0;
    }
    // After a pause in the middle the rest has not been refused, and is offered when reading goes
    // on.
    conditions_.offer_due = conditions_.paused && !stash_.empty();
}

// ---- what follows

void Connection::advance_by_steps() noexcept {
    for (;;) {
        // An abort waits for on_open. (Callbacks of other connections on this strand could ask for
        // one, with a guessed handle.)
        if (conditions_.aborting && stage_ != Stage::opening && stage_ != Stage::joining &&
            stage_ != Stage::over) {
            begin_join();
        }
        switch (stage_) {
            case Stage::free:
            case Stage::opening:
            case Stage::over: return;
            case Stage::connecting:
                if (step_connecting()) {
                    continue;
                }
                break;
            case Stage::open:
                if (step_open()) {
                    continue;
                }
                break;
            case Stage::flushing:
                if (try_shut_down_sending()) {
                    begin_lingering();
                    continue;
                }
                break;
            case Stage::lingering:
                if (has_ended()) {
                    begin_join();
                    continue;
                }
                break;
            case Stage::joining: try_finish(); return;
        }
        arm_receive();
        arm_timer();
        expedite_send();
        return;
    }
}

// Takes one step of an open connection. Returns false if there is none to take.
bool Connection::step_open() noexcept {
    if (conditions_.close_wanted) {
        begin_flushing();
        return true;
    }
    if (conditions_.writable_due) {
        conditions_.writable_due = false;
        if (conditions_.hold <= Hold::until_writable) {
            conditions_.hold = Hold::none;
            conditions_.offer_due = !stash_.empty();
        }
        if (protocol().on_writable(*this) == Protocol::Answer::failed) {
            abort(CloseReason::plugin_error);
        }
        return true;
    }
    // The rest is not offered again after on_end, whatever ends a hold or a pause: on_end was the
    // last call for it.
    if (conditions_.offer_due && !on_end_called_ && may_offer()) {
        offer_stash();
        return true;
    }
    if (conditions_.input == Input::ended && !on_end_called_ && may_offer()) {
        call_on_end();
        return true;
    }
    if (conditions_.input != Input::open && last_input_is_over()) {
        want_close(CloseReason::drain);
        return true;
    }
    if (conditions_.finish_wanted) {
        static_cast<void>(try_shut_down_sending());
    }
    return false;
}

void Connection::arm_receive() noexcept {
    if (receiving_) {
        return;
    }
    const bool wanted = stage_ == Stage::open
                            ? may_offer() && !conditions_.offer_due && !has_ended()
                            : (stage_ == Stage::flushing || stage_ == Stage::lingering) &&
                                  !has_ended();
    if (wanted) {
        read_on();
    }
}

// ---- sending

SendResult Connection::append_failed(std::size_t bytes) noexcept {
    // another thread's send may have been refused because of these bytes; then an on_writable is
    // due
    give_back(bytes);
    advance_due_ = true;
    end_turn_later();
    return SendResult::no_memory;
}

// Bytes that fill at least half of the receive buffer are sent from it without a copy: the queue
// keeps it until they are sent. Peers that do not read can use up half of the pool this way; the
// rest is kept for receiving.
bool Connection::adopt_received(std::span<const std::byte> bytes, SendQueue& queue) noexcept {
    const ReceiveOperation& receive = *this;
    io::BufferPool& pool = port().buffers();
    const std::byte* begin = receive.buffer.data;
    if (bytes.size() < pool.buffer_bytes() / 2 || adopted_ || std::less<>()(bytes.data(), begin) ||
        std::less<>()(begin + receive.bytes, bytes.data() + bytes.size()) ||
        pool.in_use() > pool.buffers_max() / 2) {
        return false;
    }
    queue.adopt(pool, receive.buffer, static_cast<std::uint32_t>(bytes.data() - begin),
                static_cast<std::uint32_t>(bytes.size()));
    adopted_ = true;
    return true;
}

void Connection::sent() noexcept {
    take_sent();
    count_queue();
    if (!queue_.empty()) {
        end_turn_later();
    }
    advance();
}

PORTICO_NEVER_INLINE void Connection::count_queue() noexcept {
    traffic_->queued_bytes.add(queue_.bytes() - counted_queue_bytes_);
    counted_queue_bytes_ = static_cast<std::uint32_t>(queue_.bytes());
}

PORTICO_ALWAYS_INLINE void Connection::take_sent() noexcept {
    sending_ = false;
    const SendOperation& send = *this;
    if (send.error != io::Error::none) {
        connection_failed(send, "send");
    } else {
        if (!send.completed_late) {
            touch();
        }
        if (stage_ == Stage::flushing) {
            moved_at(port().now());
        }
        sent_bytes_ += send.bytes;
        traffic_->sent_bytes.add(send.bytes);
        give_back(send.bytes);
        if (SendQueue::External* ended = queue_.consume(send.bytes); ended != nullptr)
            [[unlikely]] {
            end_externals(ended, true);
        }
    }
}

bool Connection::end_turn() noexcept {
    if (advance_due_) {
        advance();
    }
    // Usually one send takes everything that this turn has queued.
    if (may_send()) {
        if (send_at_once() && may_send()) {
            send_more();
        }
    } else {
        expedite_send();
    }
    // What was queued and sent within the turn has never been in the queue for anybody else.
    if (queue_.bytes() != counted_queue_bytes_) {
        count_queue();
    }
    turn_end_due_ = false;
    if (conditions_.hold == Hold::until_turn && stage_ == Stage::open) [[unlikely]] {
        continue_later();
    }
    if (!receiving_) [[unlikely]] {
        arm_receive();  // nothing was to be sent, or the send is in flight
    }
    return stage_ == Stage::over;
}

// Returns true if the system has taken bytes: that is handled here, and there may be more to send.
PORTICO_ALWAYS_INLINE bool Connection::send_at_once() noexcept {
    SendPart& send = *this;
    send.buffers = queue_.gather();
    io::CompletionPort& port = this->port();
    if (port.completes_late()) {  // (on other ports both stay false)
        send.may_complete_late = sending_late_ = may_send_late();
    }
    sending_ = true;
    if (!port.send_at_once(send)) {
        if (sending_late_) {
            touch();
        }
        return false;
    }
    take_sent();
    // A quick peer may have sent more by now. Then the receive completes inside the call, without
    // the system's port.
    if (is_quiet()) [[likely]] {
        read_on_quietly();
    } else {
        advance();
    }
    return true;
}

void Connection::expedite_send() noexcept {
    if (sending_ && sending_late_) {
        sending_late_ = false;
        port().expedite(*this);
    }
}

void Connection::send_more() noexcept {
    for (int sends = 1; may_send(); ++sends) {
        if (sends == sends_at_once_max) {
            // The strand queues again, and goes on after the others.
            sends_postponed_ = true;
            continue_later();
            return;
        }
        if (!send_at_once()) {
            return;
        }
    }
}

}  // namespace portico::net
