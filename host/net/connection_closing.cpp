// The end of a connection: the requests for it, its steps up to on_close, and the slot's return.
#include <string>

#include "net/connecting.hpp"
#include "net/connection_inline.hpp"
#include "net/connection_table.hpp"

namespace portico::net {

void Connection::want_close(CloseReason reason) noexcept {
    conditions_.close_wanted = true;
    if (reason_ == CloseReason::none) {
        reason_ = reason;
    }
}

void Connection::take_drain(const Draining& draining) noexcept {
    const bool is_by_operator = draining.reason == DrainReason::admin;
    const bool is_first = !draining_ && !(is_by_operator && operator_drains_);
    draining_ = draining_ || !is_by_operator;
    operator_drains_ = operator_drains_ || is_by_operator;
    if (is_outbound()) {
        if (stage_ <= Stage::open) {
            want_close(CloseReason::drain);
        }
        return;
    }
    if (!is_first || stage_ != Stage::open || conditions_.close_wanted || conditions_.aborting) {
        return;
    }
    if (conditions_.input != Input::open && conditions_.input != Input::ended) {
        return;  // an earlier drain has led to its last input already
    }
    switch (protocol().on_drain(*this, draining)) {
        case Protocol::Ending::close: begin_last_input(); return;
        case Protocol::Ending::stay: return;
        case Protocol::Ending::failed: abort(CloseReason::plugin_error); return;
    }
}

void Connection::abort(CloseReason reason) noexcept {
    if (!conditions_.aborting) {
        conditions_.aborting = true;
        abort_reason_ = reason;
        reset_ = true;
    }
    if (reason_ == CloseReason::none) {
        reason_ = reason;
    }
}

void Connection::connection_failed(const io::Operation& operation, const char* what) noexcept {
    if (stage_ == Stage::joining) {
        return;  // most likely our own cancel
    }
    if (operation.error != io::Error::reset) {
        context().log->compose(base::LogLevel::info, context().listener_name, handle(), [&] {
            return std::string(what) + " failed: " + io::native_error_text(operation.native_error);
        });
    }
    const CloseReason reason = operation.error == io::Error::reset ? CloseReason::reset
                                                                   : CloseReason::error;
    if (stage_ == Stage::flushing) {
        reason_ = reason;  // the graceful close did not succeed
    }
    abort(reason);
    if (reason_ == reason) {
        moved_bytes_ = static_cast<std::uint32_t>(operation.native_error);
    }
}

void Connection::begin_flushing() noexcept {
    stage_ = Stage::flushing;
    word_.begin_closing();
    stash_.clear();
    since_ns_ = port().now();
}

bool Connection::try_shut_down_sending() noexcept {
    if (end_sent_) {
        return true;
    }
    // The word is marked closing or finished, so nothing new is accepted: only what is reserved
    // still has to go out.
    if (sending_ || !queue_.empty() || SlotWord::reserved_of(word_.load()) != 0) {
        return false;
    }
    end_sent_ = true;
    // If the peer has ended its side, the close follows at once: nothing is left unread, and
    // closing the socket ends our side in order.
    if (stage_ != Stage::flushing || !has_ended()) {
        // if it fails the connection is gone, and the receive reports that
        static_cast<void>(socket_.shutdown_send());
    }
    return true;
}

void Connection::begin_lingering() noexcept {
    stage_ = Stage::lingering;
    since_ns_ = port().now();
}

void Connection::begin_join() noexcept {
    stage_ = Stage::joining;
    lost_bytes() = 0;
    word_.begin_closing();
    if (reason_ == CloseReason::none) {
        reason_ = abort_reason_;
    }
    if (receiving_) {
        port().cancel(static_cast<ReceivePart&>(*this));
    }
    if (sending_) {
        port().cancel(static_cast<SendPart&>(*this));
    }
    if (timing_) {
        port().cancel(static_cast<TimerPart&>(*this));
    }
    if (is_connecting_) {
        connecting()->give_up();
    }
}

void Connection::try_finish() noexcept {
    if (receiving_ || sending_ || timing_ || continuing_ || is_connecting_ || !end_timers()) {
        return;
    }
    if (!queue_.empty()) {
        drop_queue();
    }
    if (!word_.close_for_good()) {
        return;  // an accepted call is on its way; its arrival calls this again
    }
    if (socket_.is_open()) {  // else it was outbound, and no address could be tried
        end_socket();
    }
    stash_.clear();
    count_end();
    protocol().ended(*this);
    log_end();
    if (accepted_) {
        protocol().on_close(*this, closed());
    }
    stage_ = Stage::over;
    end_turn_later();
}

// (The end of this turn counts the queue, which is empty.)
void Connection::count_end() noexcept {
    traffic_->unsent_bytes.add(lost_bytes());
    traffic_->count_close(reason_);
}

void Connection::end_socket() noexcept {
    if (reset_ || cut_) {
        lost_bytes() += socket_.unacknowledged_bytes().value_or(0);
    }
    if (cut_ && opened_ns_ != 0) {
        warn_of_loss(lost_bytes());
    }
    if (reset_) {
        socket_.reset_on_close();
    }
    port().close(socket_);
}

// The host has ended the connection before all bytes were sent.
void Connection::warn_of_loss(std::uint64_t unsent) noexcept {
    std::uint64_t unwritten = 0;
    if (unsent == 0 || !context().loss_warnings.admits(port().now(), unwritten)) {
        return;
    }
    context().log->compose(base::LogLevel::warn, context().listener_name, handle(), [&] {
        return "cut (" + std::string(to_string(reason_)) + "): " + std::to_string(unsent) +
               " bytes were not sent, because " + io::to_string(peer_.load()) +
               " has stopped reading" + base::WarningLimit::mention(unwritten);
    });
}

void Connection::log_end() noexcept {
    base::Log& log = *context().log;
    if (reason_ == CloseReason::no_memory) {
        // the line must not allocate
        log.write(base::LogLevel::warn, context().listener_name, handle(), "closed: out of memory");
    }
    log.compose_access(context().listener_name, handle(), [&] {
        const Protocol::Closed told = closed();
        return base::Access{
            .peer = io::to_string(peer_.load()),
            .reason = to_string(reason_),
            .received_bytes = received_bytes_,
            .sent_bytes = sent_bytes_,
            .messages = messages_,
            .duration_ns = opened_ns_ != 0 ? port().now() - opened_ns_ : 0,
            .local = context().logs_local_address ? io::to_string(local_.load()) : std::string(),
            .is_outbound = is_outbound(),
            .reason_name = name_of(reason_),
            .plugin = context().plugin_name,
            .status = told.status,
            .native_error = told.native_error};
    });
}

Protocol::Closed Connection::closed() const noexcept {
    Protocol::Closed closed{.reason = reason_,
                            .unsent_bytes = since_ns_,  // lost_bytes()
                            .received_bytes = received_bytes_,
                            .sent_bytes = sent_bytes_,
                            .opened_ns = opened_ns_};
    if (reason_ == CloseReason::plugin_error) {
        closed.status = static_cast<std::int32_t>(scanned_);
    } else if (reason_ == CloseReason::reset || reason_ == CloseReason::error ||
               reason_ == CloseReason::connect_failed || reason_ == CloseReason::connect_timeout) {
        closed.native_error = moved_bytes_;
    }
    return closed;
}

void Connection::release() noexcept {
    stage_ = Stage::free;
    reason_ = CloseReason::none;
    abort_reason_ = CloseReason::none;
    conditions_ = {};
    accepted_ = rest_offered_ = frame_left_ = on_end_called_ = end_sent_ = draining_ =
        operator_drains_ = reset_ = cut_ = had_chance_ = false;
    scanned_ = moved_bytes_ = messages_ = 0;
    received_bytes_ = 0;
    sent_bytes_ = 0;
    opened_ns_ = 0;
    state = nullptr;
    const ConnectionContext& ended = context();
    const WorkerGroup& home = strand().home();
    table_->give_back(*this);
    ended.released(ended.owner, home);
}

}  // namespace portico::net
