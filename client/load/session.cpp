#include "load/session.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// The time that the peer has to end its side after ours has ended. If it takes longer, that is no
// error: the replies are all here.
constexpr std::uint64_t finish_timeout_ns = 5 * base::nanoseconds_per_second;

// The time from a failed connect to the next one (with `reconnect`).
constexpr std::uint64_t backoff_ns = 100 * base::nanoseconds_per_millisecond;

}  // namespace

Session::Session(SessionContext& context, std::uint32_t connection)
    : context_(context),
      connector_(context, this, [](void* self) { static_cast<Session*>(self)->on_connector(); }),
      connection_(connection),
      replies_(context, connection),
      sender_(context, replies_, connection),
      checker_(connection) {
    prepare<&Session::on_receive>(receive_, *this);
    prepare<&Session::on_send>(sender_.operation(), *this);
    prepare<&Session::on_timer>(timer_, *this);
}

template <class Kind>
void Session::cancel(Owned<Session, Kind>& operation) noexcept {
    if (operation.in_flight) {
        context_.port.cancel(operation);
    }
}

// ---- opening

void Session::connect() {
    PORTICO_ASSERT(state_ == State::idle);
    state_ = State::connecting;
    connect_began_ns_ = context_.port.now();
    connector_.begin(context_.plan.connect_timeout_ns);
}

void Session::on_connector() {
    if (state_ == State::closing) {
        close_if_joined();
    } else if (connector_.is_connected()) {
        on_connected();
    } else {
        connect_failed();
    }
}

void Session::on_connected() {
    context_.read_clock();
    ++context_.totals.connections_opened;
    context_.totals.connect_ns.record(context_.now_ns - connect_began_ns_);
    receive_.socket = sender_.operation().socket = &connector_.socket();
    state_ = State::running;
    restart_timer();
    // The first bytes of a script's server are read only when they are expected.
    if (has_begun_ || context_.plan.script == nullptr) {
        arm_receive();
    }
    if (has_begun_) {
        ++(replies_.is_out() ? context_.totals.reconnects : context_.totals.connections_replaced);
        pump();
        finish_if_answered();
    }
}

void Session::connect_failed() noexcept {
    if (comes_again()) {
        // the connection was to replace one that was done
        if (!replies_.is_out()) {
            context_.note_failure([&] { return connector_.reason(); });
            replies_.begin_outage();
        }
        backs_off_ = true;
        close();
        return;
    }
    if (!replies_.is_out()) {  // otherwise conclude() counts it: it has not come back
        ++context_.totals.connections_failed;
        context_.totals.series.failure(context_.now_ns);
        replies_.lose_rest();
    }
    context_.note_failure([&] { return connector_.reason(); });
    has_ended_early_ = true;
    close();
}

void Session::begin(std::uint64_t skipped) {
    has_begun_ = true;
    sender_.skip(skipped);
    if (state_ == State::running && context_.plan.script != nullptr) {
        arm_receive();
    }
    pump();
    finish_if_answered();
}

void Session::messages_due(std::uint64_t count) {
    sender_.set_due(count);
    pump();
}

// ---- the timer: one for each state's limit, armed again when it comes too early

void Session::arm_timer(std::uint64_t deadline_ns) {
    timer_.deadline_ns = deadline_ns;
    timer_.pending = true;
    context_.port.timer(timer_);
}

void Session::restart_timer() {
    if (timer_.pending) {
        cancel(timer_);  // on_timer() arms it again with the new state's deadline
    } else {
        arm_timer(context_.port.now());
    }
}

void Session::on_timer() {
    const std::uint64_t now = context_.port.now();
    std::uint64_t deadline = 0;
    switch (state_) {
        case State::idle:
        case State::connecting:
        case State::done: PORTICO_ASSERT(!"a timer without a connection"); return;
        case State::closing: close_if_joined(); return;
        case State::backoff:
            state_ = State::idle;
            context_.reconnecting.push_back(this);
            return;
        case State::running:
            context_.now_ns = now;
            if (now >= timeout_at(now)) {
                if (!replies_.give_up_due()) {
                    connection_lost([&] {
                        return std::string(
                            replies_.due() == 0
                                ? "the server did not take what was sent within the timeout"
                                : "no reply within the timeout");
                    });
                    return;
                }
            } else if (reply_ends_at() <= now) {
                end_reply();
            }
            pump();  // a pause may be over
            finish_if_answered();
            if (state_ != State::running) {
                return;
            }
            deadline = std::min(
                {timeout_at(now), reply_ends_at(),
                 sender_.pause_until_ns() > now ? sender_.pause_until_ns() : UINT64_MAX});
            break;
        case State::finishing:
            deadline = finish_ends_at();
            if (now >= deadline) {
                close();
                return;
            }
            break;
    }
    if (!timer_.pending) {
        arm_timer(deadline);
    }
}

// The time at which the wait for the next reply ends. Only a reply makes it later: otherwise a
// server that sends or takes a byte now and then would hold the run for ever.
std::uint64_t Session::timeout_at(std::uint64_t now_ns) const noexcept {
    const std::uint64_t timeout_ns = context_.plan.reply_timeout_ns;
    return sender_.is_waiting()
               ? std::min(replies_.waiting_since_ns() + timeout_ns, context_.replies_end_ns)
               : now_ns + timeout_ns;
}

std::uint64_t Session::finish_ends_at() const noexcept {
    return std::min(
        replies_.waiting_since_ns() + std::min(finish_timeout_ns, context_.plan.reply_timeout_ns),
        context_.replies_end_ns);
}

// The time at which a reply that has begun is complete, if only silence shows its end.
std::uint64_t Session::reply_ends_at() const noexcept {
    const Framing& framing = context_.plan.expectation.framing;
    return framing.type == Framing::Type::idle && checker_.is_within_reply()
               ? last_byte_ns_ + framing.idle_ns
               : UINT64_MAX;
}

// ---- receiving

void Session::arm_receive() {
    receive_.pending = true;
    context_.port.receive(receive_);
}

void Session::on_receive() {
    context_.read_clock();
    const bool is_open = state_ == State::running || state_ == State::finishing;
    if (receive_.bytes != 0) {
        const io::Buffer buffer = receive_.buffer;
        if (context_.now_ns >= context_.measured_from_ns) {
            context_.totals.bytes_received += receive_.bytes;
            context_.totals.series.bytes(context_.now_ns, receive_.bytes);
            if (context_.plan.rate) {
                context_.totals.read_lag_ns.record(context_.now_ns - context_.came_after_ns);
            }
        }
        if (is_open) {
            check({buffer.data, receive_.bytes});
        }
        context_.port.buffers().give_back(buffer);
    } else if (receive_.error != io::Error::none) {
        // While finishing, a reset does no harm: every reply is here.
        if (state_ == State::running) {
            connection_lost([&] { return reason_of(receive_); });
        } else if (state_ == State::finishing) {
            close();
        }
    } else if (state_ == State::running) {
        if (reply_ends_at() != UINT64_MAX) {  // the timer also ends the reply
            end_reply();
        }
        finish_if_answered();
        if (state_ == State::running) {
            connection_lost(
                [] { return std::string("closed by the peer before its work was done"); });
        } else if (state_ == State::finishing) {
            close();
        }
    } else if (state_ == State::finishing) {
        close();
    }
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (state_ != State::running && state_ != State::finishing) {
        return;
    }
    arm_receive();
    pump();
    finish_if_answered();
}

void Session::check(std::span<const std::byte> bytes) {
    last_byte_ns_ = context_.now_ns;
    while (!bytes.empty() && (state_ == State::running || state_ == State::finishing)) {
        const ReplyChecker::Step step = checker_.check(context_.plan.expectation, bytes,
                                                       replies_.next_reply(), replies_.begun(),
                                                       context_.finding);
        if (step.differs) {
            context_.observer.finding(context_.finding);
        }
        apply(step, bytes.first(step.used));
        bytes = bytes.subspan(step.used);
        if (context_.plan.script != nullptr && !bytes.empty()) {
            pump();  // bytes that came before may be what the script expects next
        }
    }
    if (state_ == State::running && reply_ends_at() < timer_.deadline_ns) {
        restart_timer();
    }
}

// Silence has shown that a reply is complete. It counts from its last byte.
void Session::end_reply() {
    const std::uint64_t now_ns = std::exchange(context_.now_ns, last_byte_ns_);
    const ReplyChecker::Step step = checker_.end_reply(context_.plan.expectation, replies_.begun(),
                                                       context_.finding);
    if (step.differs) {
        context_.observer.finding(context_.finding);
    }
    apply(step, {});
    context_.now_ns = now_ns;
}

void Session::apply(const ReplyChecker::Step& step, std::span<const std::byte> used) {
    // In a script, everything after it would be out of place.
    const bool goes_on = context_.plan.expectation.framing.type != Framing::Type::none &&
                         context_.plan.script == nullptr;
    switch (step.event) {
        case ReplyChecker::Event::more: context_.observer.reply(connection_, used, false); return;
        case ReplyChecker::Event::reply: replies_.right_reply(step.message); break;
        case ReplyChecker::Event::wrong:
            replies_.wrong_reply(step.message);
            if (!goes_on) {
                broken([&] {
                    return std::string(
                        context_.plan.script != nullptr
                            ? "a wrong reply in the script"
                            : "a wrong reply, and without framing no way to find the next one");
                });
            }
            break;
        case ReplyChecker::Event::crossed: replies_.crossed_reply(step.message); return;
        case ReplyChecker::Event::unexpected:
            if (context_.plan.expectation.replies == nullptr &&
                context_.plan.expectation.patterns.empty()) {
                return;  // any bytes do
            }
            replies_.unexpected_bytes(used);
            if (!goes_on) {
                broken([] { return std::string("bytes that answer nothing"); });
            }
            return;
    }
    context_.observer.reply(connection_, used, true);
}

// ---- sending

// Sends what may be sent now.
void Session::pump() {
    if (state_ != State::running || !has_begun_ || sender_.operation().pending) {
        return;
    }
    if (!sender_.send()) {
        connection_lost([&] { return reason_of(sender_.operation()); });
    } else if (sender_.has_new_pause()) {
        restart_timer();
    }
}

void Session::on_send() {
    context_.read_clock();
    if (state_ == State::closing) {
        sender_.count_sent_bytes();
        close_if_joined();
    } else if (!sender_.finish_send()) {
        connection_lost([&] { return reason_of(sender_.operation()); });
    } else {
        pump();
        finish_if_answered();
    }
}

// ---- ending

void Session::drain() {
    const bool is_between = state_ == State::idle || state_ == State::backoff ||
                            (state_ == State::connecting && has_begun_);
    if (is_between && !sender_.has_more()) {
        close();
    } else {
        finish_if_answered();
    }
}

void Session::finish_if_answered() {
    if (state_ != State::running || !has_begun_ || sender_.operation().pending ||
        replies_.due() != 0 || sender_.has_more_here()) {
        return;
    }
    state_ = State::finishing;
    replies_.start_waiting();
    restart_timer();
    if (!connector_.socket().shutdown_send()) {
        close();
    }
}

template <class Reason>
void Session::broken(const Reason& reason) noexcept {
    ++context_.totals.connections_broken;
    context_.totals.series.failure(context_.now_ns);
    context_.note_failure(reason);
    replies_.lose_rest();
    has_ended_early_ = true;
    close();
}

template <class Reason>
void Session::connection_lost(const Reason& reason) noexcept {
    if (!comes_again()) {
        broken(reason);
        return;
    }
    context_.totals.series.failure(context_.now_ns);
    context_.note_failure(reason);
    replies_.begin_outage();
    close();
}

void Session::abandon() {
    has_ended_early_ = true;
    if (state_ == State::closing || state_ == State::done) {
        return;
    }
    context_.totals.unanswered += replies_.due();
    close();
}

void Session::close() {
    state_ = State::closing;
    connector_.cancel();
    cancel(receive_);
    cancel(sender_.operation());
    cancel(timer_);
    close_if_joined();
}

void Session::close_if_joined() {
    PORTICO_ASSERT(state_ == State::closing);
    if (connector_.is_pending() || receive_.pending || sender_.operation().pending ||
        timer_.pending) {
        return;
    }
    connector_.close_socket();
    if (has_begun_ && !has_ended_early_ && sender_.has_more()) {
        checker_.restart();
        sender_.restart();
        if (std::exchange(backs_off_, false)) {
            state_ = State::backoff;
            arm_timer(context_.port.now() + backoff_ns);
            return;
        }
        // LoadThread connects it: a handler of the old connection may still be running here.
        state_ = State::idle;
        context_.reconnecting.push_back(this);
        return;
    }
    state_ = State::done;
    ++context_.done;
}

}  // namespace portico::client
