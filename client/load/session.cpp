#include "load/session.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// How long the peer may take to end its side after ours has ended. Not an error: the replies are
// all here.
constexpr std::uint64_t finish_timeout_ns = 5 * base::nanoseconds_per_second;

// After a connect has failed, until the next one (with `reconnect`).
constexpr std::uint64_t rest_ns = 100 * base::nanoseconds_per_millisecond;

// Sends that complete in the submitting call, in a row: so that a peer that takes all we have does
// not keep the others from being served.
constexpr int sends_at_once_max = 4;

// With a rate: a message that leaves later than this after its instant is counted.
constexpr std::uint64_t late_ns = base::nanoseconds_per_millisecond;

// How many messages may be due at once.
std::uint32_t depth_of(const LoadPlan& plan) noexcept {
    return static_cast<std::uint32_t>(
        plan.count == 0 ? plan.depth : std::min<std::uint64_t>(plan.depth, plan.count));
}

}  // namespace

Session::Session(SessionContext& context, std::uint32_t connection)
    : context_(context),
      connector_(context, this, [](void* self) { static_cast<Session*>(self)->on_connector(); }),
      connection_(connection),
      unanswered_(depth_of(context.plan), static_cast<bool>(context.plan.rate)),
      message_{connection, 0, 0},
      send_buffer_(std::make_unique<std::byte[]>(context.send_buffer_bytes)),
      checker_(connection) {
    prepare<&Session::on_receive>(receive_, *this);
    prepare<&Session::on_send>(send_, *this);
    prepare<&Session::on_timer>(timer_, *this);
    send_.buffers = {&send_part_, 1};
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
    asked_ns_ = context_.port.now();
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
    context_.totals.connect_ns.record(context_.now_ns - asked_ns_);
    receive_.socket = send_.socket = &connector_.socket();
    state_ = State::running;
    restart_timer();
    // What a script's server says first is read when it is expected.
    if (has_begun_ || context_.plan.script == nullptr) {
        arm_receive();
    }
    if (has_begun_) {
        ++(outage_since_ns_ != 0 ? context_.totals.reconnects
                                 : context_.totals.connections_replaced);
        pump();
        finish_if_answered();
    }
}

void Session::connect_failed() noexcept {
    if (comes_again()) {
        // of a connection that was to take the place of one that was done
        if (outage_since_ns_ == 0) {
            context_.note_failure([&] { return connector_.reason(); });
            begin_outage();
        }
        rests_ = true;
        close();
        return;
    }
    if (outage_since_ns_ == 0) {  // else it is counted as the connection that has not come back
        ++context_.totals.connections_failed;
        context_.totals.series.failure(context_.now_ns);
        context_.totals.lost += context_.plan.count == 0
                                    ? 0
                                    : context_.plan.count - unanswered_.settled();
    }
    context_.note_failure([&] { return connector_.reason(); });
    has_ended_early_ = true;
    close();
}

void Session::begin(std::uint64_t skipped) {
    has_begun_ = true;
    skipped_ = due_ = skipped;
    if (state_ == State::running && context_.plan.script != nullptr) {
        arm_receive();
    }
    pump();
    finish_if_answered();
}

void Session::messages_due(std::uint64_t count) {
    due_ = count;
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
        cancel(timer_);  // on_timer arms it with the new state's deadline
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
        case State::resting:
            state_ = State::idle;
            context_.reconnecting.push_back(this);
            return;
        case State::running:
            context_.now_ns = now;
            if (now >= timeout_at(now)) {
                if (!gives_up_messages()) {
                    connection_lost([&] {
                        return std::string(
                            unanswered_.due() == 0
                                ? "the server did not take what was sent within the timeout"
                                : "no reply within the timeout");
                    });
                    return;
                }
                waiting_since_ns_ = now;
            } else if (reply_ends_at() <= now) {
                end_reply();
            }
            pump();  // also behind a pause
            finish_if_answered();
            if (state_ != State::running) {
                return;
            }
            deadline = std::min({timeout_at(now), reply_ends_at(),
                                 pause_until_ns_ > now ? pause_until_ns_ : UINT64_MAX});
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

// When a reply that is due and does not come is one too late. Only a reply makes that later: a
// server that sends a byte now and then, or takes one, would hold the run for ever.
std::uint64_t Session::timeout_at(std::uint64_t now_ns) const noexcept {
    const std::uint64_t timeout_ns = context_.plan.reply_timeout_ns;
    return is_waiting() ? std::min(waiting_since_ns_ + timeout_ns, context_.replies_end_ns)
                        : now_ns + timeout_ns;
}

std::uint64_t Session::finish_ends_at() const noexcept {
    return std::min(waiting_since_ns_ + std::min(finish_timeout_ns, context_.plan.reply_timeout_ns),
                    context_.replies_end_ns);
}

// When a reply that has begun is at its end, where silence shows that.
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
        // While finishing, a reset takes nothing away: every reply is here.
        if (state_ == State::running) {
            connection_lost([&] { return reason_of(receive_); });
        } else if (state_ == State::finishing) {
            close();
        }
    } else if (state_ == State::running) {
        if (reply_ends_at() != UINT64_MAX) {  // it shows the reply's end as well
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
                                                       next_reply(), begun(), context_.finding);
        if (step.differs) {
            context_.observer.finding(context_.finding);
        }
        take(step, bytes.first(step.used));
        bytes = bytes.subspan(step.used);
        if (context_.plan.script != nullptr && !bytes.empty()) {
            pump();  // what is there already may be what the script expects next
        }
    }
    if (state_ == State::running && reply_ends_at() < timer_.deadline_ns) {
        restart_timer();
    }
}

// A reply whose end silence has shown: it was there when its last byte came.
void Session::end_reply() {
    const std::uint64_t now_ns = std::exchange(context_.now_ns, last_byte_ns_);
    const ReplyChecker::Step step = checker_.end_reply(context_.plan.expectation, begun(),
                                                       context_.finding);
    if (step.differs) {
        context_.observer.finding(context_.finding);
    }
    take(step, {});
    context_.now_ns = now_ns;
}

MessageId Session::next_reply() const noexcept {
    const std::uint64_t number = unanswered_.settled() + 1;
    return {connection_, number, number <= begun() ? unanswered_.times(number).began_ns : 0};
}

void Session::take(const ReplyChecker::Step& step, std::span<const std::byte> used) {
    // In a script all that follows would be out of place.
    const bool goes_on = context_.plan.expectation.framing.type != Framing::Type::none &&
                         context_.plan.script == nullptr;
    switch (step.event) {
        case ReplyChecker::Event::more: context_.observer.reply(connection_, used, false); return;
        case ReplyChecker::Event::reply: take_reply(step.message); break;
        case ReplyChecker::Event::wrong:
            take_wrong(step.message);
            if (!goes_on) {
                broken([&] {
                    return std::string(
                        context_.plan.script != nullptr
                            ? "a wrong reply in the script"
                            : "a wrong reply, and without framing no way to find the next one");
                });
            }
            break;
        case ReplyChecker::Event::crossed:
            count_failure(&Totals::crossed);
            tell(Finding::Kind::crossed, next_reply(), step.message);
            return;
        case ReplyChecker::Event::unexpected:
            if (context_.plan.expectation.replies == nullptr &&
                context_.plan.expectation.patterns.empty()) {
                return;  // any bytes do
            }
            take_unexpected(used);
            if (!goes_on) {
                broken([] { return std::string("bytes that answer nothing"); });
            }
            return;
    }
    context_.observer.reply(connection_, used, true);
}

// A whole reply and a right one. Its turn may be wrong.
void Session::take_reply(MessageId message) {
    const MessageId expected = next_reply();
    const std::uint64_t lost_before = unanswered_.lost();
    const Unanswered::Answer answer = unanswered_.answer(message.number);
    count_lost(lost_before);
    switch (answer.turn) {
        case Unanswered::Turn::own:
            if (answer.passed_over != 0) {
                context_.totals.series.failure(context_.now_ns);
                tell(Finding::Kind::lost, expected, message, answer.passed_over);
            }
            break;
        case Unanswered::Turn::reordered:
            count_failure(&Totals::reordered);
            tell(Finding::Kind::reordered, expected, message);
            break;
        case Unanswered::Turn::late:
            count_failure(&Totals::late);
            tell(Finding::Kind::late, expected, message);
            break;
        case Unanswered::Turn::duplicate:
            count_failure(&Totals::duplicate);
            tell(Finding::Kind::duplicate, expected, message);
            return;
        case Unanswered::Turn::forgotten:
            count_failure(&Totals::unexpected);
            tell(Finding::Kind::unexpected, expected, message);
            return;
    }
    count_reply(message, answer.times);
}

void Session::take_wrong(MessageId message) {
    const std::uint64_t lost_before = unanswered_.lost();
    const Unanswered::Answer answer = message.number == 0 ? unanswered_.answer_unknown()
                                                          : unanswered_.answer(message.number);
    count_lost(lost_before);
    count_failure(&Totals::wrong);
    if (answer.turn != Unanswered::Turn::duplicate && answer.turn != Unanswered::Turn::forgotten) {
        count_reply(message, answer.times);
    }
}

void Session::take_unexpected(std::span<const std::byte> bytes) {
    count_failure(&Totals::unexpected);
    Finding& finding = context_.finding = {};
    finding.kind = Finding::Kind::unexpected;
    finding.connection = connection_;
    finding.came_size = std::min(bytes.size(), Finding::shown_max);
    std::copy_n(bytes.begin(), finding.came_size, finding.came_bytes.begin());
    context_.observer.finding(finding);
}

void Session::count_failure(std::uint64_t Totals::*figure) noexcept {
    ++(context_.totals.*figure);
    context_.totals.series.failure(context_.now_ns);
}

// Of whole messages.
void Session::tell(Finding::Kind kind, MessageId expected, MessageId came,
                   std::uint64_t count) noexcept {
    const MessageSource& replies = *context_.plan.expectation.replies;
    const auto start_of = [&](MessageId message, auto& bytes) {
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>(replies.size(message), Finding::shown_max));
        replies.fill(message, 0, std::span(bytes).first(size));
        return size;
    };
    Finding& finding = context_.finding = {};
    finding.kind = kind;
    finding.connection = connection_;
    finding.expected = expected;
    finding.came = came;
    finding.count = count;
    finding.expected_size = expected.number <= begun() ? start_of(expected, finding.expected_bytes)
                                                       : 0;
    finding.came_size = kind == Finding::Kind::lost ? 0 : start_of(came, finding.came_bytes);
    context_.observer.finding(finding);
}

void Session::count_reply(MessageId message, MessageTimes times) {
    Totals& totals = context_.totals;
    const std::uint64_t now_ns = context_.now_ns;
    const bool has_rate(context_.plan.rate);
    has_given_up_ = false;
    waiting_since_ns_ = now_ns;  // for the next one
    end_outage();
    // No coordinated omission: whoever was late, with a rate the message's time began when it was
    // due.
    const std::uint64_t since_ns = has_rate ? times.due_ns : times.began_ns;
    if (since_ns < context_.measured_from_ns) {
        ++totals.warm_up;
        return;
    }
    ++totals.received;
    totals.last_reply_ns = now_ns;
    if (context_.plan.script != nullptr && context_.plan.messages->size(message) == 0) {
        return;  // the script has said nothing that it would be the answer to
    }
    if (has_rate) {
        totals.service_ns.record(now_ns - times.began_ns);
    }
    const std::uint64_t latency_ns = now_ns - since_ns;
    totals.latency_ns.record(latency_ns);
    totals.series.reply(now_ns, latency_ns);
}

// No reply has come within the timeout. Where replies tell to which message they are, those that
// are due are given up and the connection goes on; but not again before a reply has come, for then
// nobody is there.
bool Session::gives_up_messages() noexcept {
    if (!context_.plan.expectation.tells_messages() || has_given_up_ || unanswered_.due() == 0) {
        return false;
    }
    has_given_up_ = true;
    const MessageId first = next_reply();
    const std::uint64_t lost_before = unanswered_.lost();
    const std::uint64_t count = unanswered_.give_up();
    count_lost(lost_before);
    context_.totals.series.failure(context_.now_ns);
    tell(Finding::Kind::lost, first, {connection_, 0, 0}, count);
    return true;
}

// ---- sending

bool Session::has_more() const noexcept {
    return (!context_.draining || is_within_pass()) &&
           (context_.plan.count == 0 || begun() < context_.plan.count);
}

// A script that has begun is brought to its end.
bool Session::is_within_pass() const noexcept {
    const Script* script = context_.plan.script;
    return script != nullptr && begun() % script->exchanges() != 0;
}

bool Session::has_more_here() const noexcept {
    const std::uint64_t most = context_.plan.messages_per_connection;
    return has_more() && (most == 0 || begun() - before_ < most);
}

bool Session::may_begin_message() noexcept {
    const LoadPlan& plan = context_.plan;
    return unanswered_.due() < plan.depth && (!plan.rate || skipped_ + begun() < due_) &&
           has_more_here() && !is_paused();
}

bool Session::is_paused() noexcept {
    const Script* script = context_.plan.script;
    const std::uint64_t pause_ns = script != nullptr ? script->pause_ns(begun() + 1) : 0;
    if (pause_ns == 0) {
        return false;
    }
    if (std::exchange(paused_before_, begun() + 1) != begun() + 1) {
        pause_until_ns_ = context_.now_ns + pause_ns;
        restart_timer();
    }
    return context_.now_ns < pause_until_ns_;
}

void Session::begin_message() {
    const std::uint64_t now = context_.now_ns;
    if (!is_waiting()) {
        waiting_since_ns_ = now;
    }
    const std::uint64_t since_ns = context_.plan.rate ? context_.schedule.due_ns(
                                                            connection_, skipped_ + begun() + 1)
                                                      : now;
    message_.number = unanswered_.begin({now, since_ns});
    message_.began_ns = now;
    measures_ = since_ns >= context_.measured_from_ns;
    context_.totals.sent_late += measures_ && now > since_ns + late_ns ? 1 : 0;
    message_size_ = context_.plan.messages->size(message_);
    made_ = 0;
    if (context_.plan.script != nullptr && !context_.plan.script->has_reply(message_)) {
        (void)unanswered_.answer(message_.number);  // nothing more is to come of it
    }
}

void Session::fill_send_buffer() {
    const MessageSource& messages = *context_.plan.messages;
    const auto size = static_cast<std::uint32_t>(context_.send_buffer_bytes);
    filled_ = 0;
    taken_ = 0;
    ended_ = 0;
    while (filled_ < size) {
        if (made_ == message_size_) {
            if (!may_begin_message()) {
                break;
            }
            begin_message();
        }
        const std::uint64_t part = std::min<std::uint64_t>(size - filled_, message_size_ - made_);
        messages.fill(message_, made_,
                      {send_buffer_.get() + filled_, static_cast<std::size_t>(part)});
        filled_ += static_cast<std::uint32_t>(part);
        made_ += part;
        ended_ += made_ == message_size_ && measures_ ? 1 : 0;
    }
    if (filled_ != 0 && measures_) {
        context_.totals.last_send_ns = context_.now_ns;
        if (context_.totals.first_send_ns == 0) {
            context_.totals.first_send_ns = context_.now_ns;
        }
    }
}

// Sends what may be sent, until the system takes no more at once.
void Session::pump() {
    if (state_ != State::running || !has_begun_ || send_.pending) {
        return;
    }
    for (int at_once = 0;; ++at_once) {
        if (taken_ == filled_) {
            if (made_ == message_size_ && !may_begin_message()) {
                return;
            }
            fill_send_buffer();
            if (filled_ == 0) {
                return;  // a message of no bytes, and nothing behind it
            }
        }
        send_part_ = {send_buffer_.get() + taken_, filled_ - taken_};
        if (at_once == sends_at_once_max) {
            send_.pending = true;
            context_.port.send(send_);
            return;
        }
        if (!context_.port.send_at_once(send_)) {
            send_.pending = true;
            return;
        }
        if (!take_sent()) {
            return;
        }
    }
}

// What a completed send has come to; false when the connection is broken.
bool Session::take_sent() {
    if (send_.error != io::Error::none) {
        connection_lost([&] { return reason_of(send_); });
        return false;
    }
    taken_ += static_cast<std::uint32_t>(send_.bytes);
    context_.totals.bytes_sent += context_.now_ns >= context_.measured_from_ns ? send_.bytes : 0U;
    if (taken_ == filled_) {
        context_.totals.sent += ended_;
    }
    return true;
}

void Session::on_send() {
    context_.read_clock();
    if (state_ == State::closing) {
        context_.totals.bytes_sent += context_.now_ns >= context_.measured_from_ns ? send_.bytes
                                                                                   : 0U;
        close_if_joined();
        return;
    }
    if (take_sent()) {
        pump();
        finish_if_answered();
    }
}

// ---- ending

void Session::drain() {
    const bool is_between = state_ == State::idle || state_ == State::resting ||
                            (state_ == State::connecting && has_begun_);
    if (is_between && !has_more()) {
        close();
    } else {
        finish_if_answered();
    }
}

void Session::finish_if_answered() {
    if (state_ != State::running || !has_begun_ || send_.pending || unanswered_.due() != 0 ||
        has_more_here()) {
        return;
    }
    state_ = State::finishing;
    waiting_since_ns_ = context_.now_ns;
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
    const LoadPlan& plan = context_.plan;
    context_.totals.lost += (plan.count == 0 ? begun() : plan.count) - unanswered_.settled();
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
    begin_outage();
    close();
}

// With `reconnect`: what is unanswered has failed, and the connection comes again.
void Session::begin_outage() noexcept {
    if (outage_since_ns_ == 0) {
        outage_since_ns_ = unanswered_.due() != 0 ? next_reply().began_ns : context_.now_ns;
    }
    const std::uint64_t lost_before = unanswered_.lost();
    context_.totals.outage_failed += unanswered_.give_up();
    count_lost(lost_before);
}

// A reply has come, or the run is over.
void Session::end_outage() noexcept {
    if (outage_since_ns_ != 0) {
        context_.totals.outage_ns = std::max(
            context_.totals.outage_ns,
            context_.now_ns - std::min(outage_since_ns_, context_.now_ns));
        outage_since_ns_ = 0;
    }
}

void Session::conclude() noexcept {
    if (outage_since_ns_ != 0 && !context_.totals.interrupted) {
        ++context_.totals.connections_broken;
    }
    end_outage();
}

void Session::abandon() {
    has_ended_early_ = true;
    if (state_ == State::closing || state_ == State::done) {
        return;
    }
    context_.totals.unanswered += unanswered_.due();
    close();
}

void Session::close() {
    state_ = State::closing;
    connector_.cancel();
    cancel(receive_);
    cancel(send_);
    cancel(timer_);
    close_if_joined();
}

void Session::close_if_joined() {
    PORTICO_ASSERT(state_ == State::closing);
    if (connector_.is_pending() || receive_.pending || send_.pending || timer_.pending) {
        return;
    }
    connector_.close_socket();
    if (has_begun_ && !has_ended_early_ && has_more()) {
        before_ = begun();
        checker_.restart();
        // Of a message that had begun nothing more is sent: it failed with its connection.
        made_ = message_size_;
        filled_ = taken_ = ended_ = 0;
        if (std::exchange(rests_, false)) {
            state_ = State::resting;
            arm_timer(context_.port.now() + rest_ns);
            return;
        }
        // Not here, where a handler of the old connection may still have something to do.
        state_ = State::idle;
        context_.reconnecting.push_back(this);
        return;
    }
    state_ = State::done;
    ++context_.done;
}

}  // namespace portico::client
