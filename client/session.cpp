#include "session.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// How long the peer may take to end its side after ours has ended. Not an error: the replies are all here.
constexpr std::uint64_t finish_timeout_ns = 5 * base::nanoseconds_per_second;

// Sends that complete in the submitting call, in a row: so that a peer that takes all we have does not keep the others from being served.
constexpr int sends_at_once_max = 4;

// With a rate: a message that leaves later than this after its instant is counted.
constexpr std::uint64_t late_ns = base::nanoseconds_per_millisecond;

// How many messages may be due at once.
std::uint32_t depth_of(const LoadPlan& plan) noexcept {
    return static_cast<std::uint32_t>(plan.count == 0 ? plan.depth : std::min<std::uint64_t>(plan.depth, plan.count));
}

}  // namespace

Session::Session(SessionContext& context, std::uint32_t connection)
    : context_(context),
      connection_(connection),
      unanswered_(depth_of(context.plan), context.plan.rate != 0),
      message_{connection, 0, 0},
      send_buffer_(std::make_unique<std::byte[]>(context.send_buffer_bytes)),
      checker_(connection) {
    prepare<&Session::on_connect>(connect_, *this);
    prepare<&Session::on_receive>(receive_, *this);
    prepare<&Session::on_send>(send_, *this);
    prepare<&Session::on_timer>(timer_, *this);
    connect_.socket = &socket_;
    receive_.socket = &socket_;
    send_.socket = &socket_;
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
    ++context_.connecting;
    address_ = context_.address;
    asked_ns_ = context_.port.now();
    open();
}

void Session::open() {
    const io::Address& remote = context_.plan.addresses[address_];
    if (const auto opened = context_.open(socket_, remote); !opened) {
        connect_failed([&] { return opened.error(); });
        return;
    }
    connect_.remote = remote;
    connect_.pending = true;
    context_.port.connect(connect_);
    if (!timer_.pending) {
        arm_timer(context_.port.now() + context_.plan.connect_timeout_ns);
    }
}

void Session::on_connect() {
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (connect_.error != io::Error::none) {
        if (!connect_timed_out_ && context_.tries_address_after(address_)) {
            context_.port.close(socket_);
            ++address_;
            open();
            return;
        }
        connect_failed([&] { return reason_of_connect(connect_, connect_timed_out_); });
        return;
    }
    context_.read_clock();
    --context_.connecting;
    ++context_.totals.connections_opened;
    context_.totals.connect_ns.record(context_.now_ns - asked_ns_);
    context_.has_connected = true;
    context_.address = address_;
    state_ = State::running;
    restart_timer();
    arm_receive();
    if (has_begun_) {
        ++context_.totals.connections_replaced;
        pump();
        finish_if_answered();
    }
}

template <class Reason>
void Session::connect_failed(const Reason& reason) noexcept {
    --context_.connecting;
    ++context_.totals.connections_failed;
    context_.totals.series.failure(context_.now_ns);
    context_.note_failure(reason);
    context_.totals.lost += context_.plan.count == 0 ? 0 : context_.plan.count - unanswered_.settled();
    has_ended_early_ = true;
    close();
}

void Session::begin(std::uint64_t skipped) {
    has_begun_ = true;
    skipped_ = due_ = skipped;
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
        case State::done: PORTICO_ASSERT(!"a timer without a connection"); return;
        case State::closing: close_if_joined(); return;
        case State::connecting:
            connect_timed_out_ = true;
            cancel(connect_);
            return;
        case State::running:
            deadline = (unanswered_.due() == 0 ? now : moved_ns_) + context_.plan.reply_timeout_ns;
            if (now < deadline) {
                break;
            }
            if (!gives_up_messages()) {
                broken([] { return std::string("no reply within the timeout"); });
                return;
            }
            context_.now_ns = now;
            pump();
            finish_if_answered();
            if (state_ != State::running) {  // which has its timer armed again, unless it has ended
                return;
            }
            deadline = now + context_.plan.reply_timeout_ns;
            break;
        case State::finishing:
            deadline = moved_ns_ + finish_timeout_ns;
            if (now >= deadline) {
                close();
                return;
            }
            break;
    }
    arm_timer(deadline);
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
            if (context_.plan.rate != 0) {
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
            broken([&] { return reason_of(receive_); });
        } else if (state_ == State::finishing) {
            close();
        }
    } else if (state_ == State::running) {
        broken([] { return std::string("closed by the peer before its work was done"); });
    } else if (state_ == State::finishing) {
        close();
    }
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (state_ == State::done || state_ == State::idle) {
        return;
    }
    arm_receive();
    pump();
    finish_if_answered();
}

void Session::check(std::span<const std::byte> bytes) {
    if (state_ == State::running) {
        moved_ns_ = context_.now_ns;
    }
    while (!bytes.empty() && (state_ == State::running || state_ == State::finishing)) {
        const ReplyChecker::Step step = checker_.check(context_.plan.expectation, bytes, next_reply(), begun(), context_.finding);
        if (step.differs) {
            context_.observer.finding(context_.finding);
        }
        take(step, bytes.first(step.used));
        bytes = bytes.subspan(step.used);
    }
}

MessageId Session::next_reply() const noexcept {
    const std::uint64_t number = unanswered_.settled() + 1;
    return {connection_, number, number <= begun() ? unanswered_.times(number).began_ns : 0};
}

void Session::take(const ReplyChecker::Step& step, std::span<const std::byte> used) {
    const bool is_framed = context_.plan.expectation.framing.type != Framing::Type::none;
    has_given_up_ = false;
    switch (step.event) {
        case ReplyChecker::Event::more: context_.observer.reply(connection_, used, false); return;
        case ReplyChecker::Event::reply: take_reply(step.message); break;
        case ReplyChecker::Event::wrong:
            take_wrong(step.message);
            if (!is_framed) {
                broken([] { return std::string("a wrong reply, and without framing no way to find the next one"); });
            }
            break;
        case ReplyChecker::Event::crossed:
            count_failure(&Totals::crossed);
            tell(Finding::Kind::crossed, next_reply(), step.message);
            return;
        case ReplyChecker::Event::unexpected:
            if (context_.plan.expectation.replies == nullptr) {
                return;  // any bytes do
            }
            take_unexpected(used);
            if (!is_framed) {
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
    count_reply(answer.times);
}

void Session::take_wrong(MessageId message) {
    const std::uint64_t lost_before = unanswered_.lost();
    const Unanswered::Answer answer = message.number == 0 ? unanswered_.answer_unknown() : unanswered_.answer(message.number);
    count_lost(lost_before);
    count_failure(&Totals::wrong);
    if (answer.turn != Unanswered::Turn::duplicate && answer.turn != Unanswered::Turn::forgotten) {
        count_reply(answer.times);
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
void Session::tell(Finding::Kind kind, MessageId expected, MessageId came, std::uint64_t count) noexcept {
    const MessageSource& replies = *context_.plan.expectation.replies;
    const auto start_of = [&](MessageId message, auto& bytes) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(replies.size(message), Finding::shown_max));
        replies.fill(message, 0, std::span(bytes).first(size));
        return size;
    };
    Finding& finding = context_.finding = {};
    finding.kind = kind;
    finding.connection = connection_;
    finding.expected = expected;
    finding.came = came;
    finding.count = count;
    finding.expected_size = expected.number <= begun() ? start_of(expected, finding.expected_bytes) : 0;
    finding.came_size = kind == Finding::Kind::lost ? 0 : start_of(came, finding.came_bytes);
    context_.observer.finding(finding);
}

void Session::count_reply(MessageTimes times) {
    Totals& totals = context_.totals;
    const std::uint64_t now_ns = context_.now_ns;
    const bool has_rate = context_.plan.rate != 0;
    // No coordinated omission: whoever was late, with a rate the message's time began when it was due.
    const std::uint64_t since_ns = has_rate ? times.due_ns : times.began_ns;
    if (since_ns < context_.measured_from_ns) {
        ++totals.warm_up;
        return;
    }
    ++totals.received;
    totals.last_reply_ns = now_ns;
    if (has_rate) {
        totals.service_ns.record(now_ns - times.began_ns);
    }
    const std::uint64_t latency_ns = now_ns - since_ns;
    totals.latency_ns.record(latency_ns);
    totals.series.reply(now_ns, latency_ns);
}

// No reply has come within the timeout. Where replies tell to which message they are, those that are due are given up and the connection goes on;
// but not again before a byte has come, for then nobody is there.
bool Session::gives_up_messages() noexcept {
    if (!context_.plan.expectation.tells_messages() || has_given_up_) {
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
    return !context_.draining && (context_.plan.count == 0 || begun() < context_.plan.count);
}

bool Session::has_more_here() const noexcept {
    const std::uint64_t most = context_.plan.messages_per_connection;
    return has_more() && (most == 0 || begun() - before_ < most);
}

bool Session::may_begin_message() const noexcept {
    const LoadPlan& plan = context_.plan;
    return unanswered_.due() < plan.depth && (plan.rate == 0 || skipped_ + begun() < due_) && has_more_here();
}

void Session::begin_message() {
    const std::uint64_t now = context_.now_ns;
    if (unanswered_.due() == 0) {
        moved_ns_ = now;  // a reply is due from here on
    }
    const std::uint64_t since_ns = context_.plan.rate != 0 ? context_.schedule.due_ns(connection_, skipped_ + begun() + 1) : now;
    message_.number = unanswered_.begin({now, since_ns});
    message_.began_ns = now;
    measures_ = since_ns >= context_.measured_from_ns;
    context_.totals.sent_late += measures_ && now > since_ns + late_ns ? 1 : 0;
    message_size_ = context_.plan.messages->size(message_);
    made_ = 0;
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
        messages.fill(message_, made_, {send_buffer_.get() + filled_, static_cast<std::size_t>(part)});
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
        broken([&] { return reason_of(send_); });
        return false;
    }
    taken_ += static_cast<std::uint32_t>(send_.bytes);
    context_.totals.bytes_sent += context_.now_ns >= context_.measured_from_ns ? send_.bytes : 0U;
    moved_ns_ = context_.now_ns;
    if (taken_ == filled_) {
        context_.totals.sent += ended_;
    }
    return true;
}

void Session::on_send() {
    context_.read_clock();
    if (state_ == State::closing) {
        context_.totals.bytes_sent += context_.now_ns >= context_.measured_from_ns ? send_.bytes : 0U;
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
    if (state_ == State::idle) {
        close();  // between two connections
    } else {
        finish_if_answered();
    }
}

void Session::finish_if_answered() {
    if (state_ != State::running || !has_begun_ || send_.pending || unanswered_.due() != 0 || has_more_here()) {
        return;
    }
    state_ = State::finishing;
    moved_ns_ = context_.now_ns;
    restart_timer();
    if (!socket_.shutdown_send()) {
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

void Session::abandon() {
    has_ended_early_ = true;
    if (state_ == State::closing || state_ == State::done) {
        return;
    }
    if (state_ == State::connecting) {
        --context_.connecting;
    }
    context_.totals.unanswered += unanswered_.due();
    close();
}

void Session::close() {
    state_ = State::closing;
    cancel(connect_);
    cancel(receive_);
    cancel(send_);
    cancel(timer_);
    close_if_joined();
}

void Session::close_if_joined() {
    PORTICO_ASSERT(state_ == State::closing);
    if (connect_.pending || receive_.pending || send_.pending || timer_.pending) {
        return;
    }
    if (socket_.is_open()) {
        context_.port.close(socket_);
    }
    if (has_begun_ && !has_ended_early_ && has_more()) {
        // Not here, where a handler of the old connection may still have something to do.
        before_ = begun();
        checker_.restart();
        state_ = State::idle;
        context_.reconnecting.push_back(this);
        return;
    }
    state_ = State::done;
    ++context_.done;
}

}  // namespace portico::client
