#include "session.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// How long the peer may take to end its side after ours has ended. Not an error: the replies are all here.
constexpr std::uint64_t finish_timeout_ns = 5 * base::nanoseconds_per_second;

std::string text_of(const io::Operation& operation) {
    return operation.native_error != 0 ? io::native_error_text(operation.native_error) : std::string(io::to_string(operation.error));
}

std::uint32_t send_times_size(const LoadPlan& plan) noexcept {
    return static_cast<std::uint32_t>(plan.count == 0 ? plan.depth : std::min<std::uint64_t>(plan.depth, plan.count));
}

}  // namespace

Session::Session(SessionContext& context, std::uint32_t connection)
    : context_(context),
      connection_(connection),
      send_buffer_(std::make_unique<std::byte[]>(context.send_buffer_bytes)),
      send_times_size_(send_times_size(context.plan)),
      send_times_(std::make_unique<std::uint64_t[]>(send_times_size_)),
      checker_(connection) {
    prepare<&Session::on_connect>(connect_);
    prepare<&Session::on_receive>(receive_);
    prepare<&Session::on_send>(send_);
    prepare<&Session::on_timer>(timer_);
    connect_.socket = &socket_;
    receive_.socket = &socket_;
    send_.socket = &socket_;
    send_.buffers = {&send_part_, 1};
}

template <void (Session::*handler)(), class Kind>
void Session::prepare(Owned<Kind>& operation) noexcept {
    operation.session = this;
    operation.completed = [](io::Operation& completed) {
        auto& owned = static_cast<Owned<Kind>&>(completed);
        owned.pending = false;
        (owned.session->*handler)();
    };
}

template <class Kind>
void Session::cancel(Owned<Kind>& operation) noexcept {
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
    open();
}

void Session::open() {
    const io::Address& remote = context_.plan.addresses[address_];
    auto opened = socket_.open_for_connect(remote.family);
    if (opened) {
        opened = context_.port.attach(socket_);
    }
    if (!opened) {
        connect_failed(opened.error());
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
        // A name may stand for several addresses, and the server may listen on one of them: go on until one is known to be good.
        const bool is_another_left =
            address_ + 1 < context_.plan.addresses.size() && (context_.totals.connections_opened == 0 || context_.address > address_);
        if (is_another_left && !connect_timed_out_) {
            context_.port.close(socket_);
            ++address_;
            open();
            return;
        }
        connect_failed("cannot connect to " + io::to_string(connect_.remote) + ": " +
                       (connect_timed_out_ ? "no answer within the connect timeout" : text_of(connect_)));
        return;
    }
    --context_.connecting;
    ++context_.totals.connections_opened;
    context_.address = address_;
    state_ = State::running;
    restart_timer();
    arm_receive();
}

void Session::connect_failed(std::string reason) {
    --context_.connecting;
    ++context_.totals.connections_failed;
    note_failure(std::move(reason));
    context_.totals.lost += context_.plan.count;
    close();
}

void Session::begin() {
    has_begun_ = true;
    pump();
    finish_if_answered();
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
            deadline = (unanswered() == 0 ? now : moved_ns_) + context_.plan.reply_timeout_ns;
            if (now >= deadline) {
                broken("no reply within the timeout");
                return;
            }
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
    const bool is_open = state_ == State::running || state_ == State::finishing;
    if (receive_.bytes != 0) {
        const io::Buffer buffer = receive_.buffer;
        context_.totals.bytes_received += receive_.bytes;
        if (is_open) {
            check({buffer.data, receive_.bytes});
        }
        context_.port.buffers().give_back(buffer);
    } else if (receive_.error != io::Error::none) {
        // While finishing, a reset takes nothing away: every reply is here.
        if (state_ == State::running) {
            broken(text_of(receive_));
        } else if (state_ == State::finishing) {
            close();
        }
    } else if (state_ == State::running) {
        broken("closed by the peer before its work was done");
    } else if (state_ == State::finishing) {
        close();
    }
    if (state_ == State::closing) {
        close_if_joined();
        return;
    }
    if (state_ == State::done) {
        return;
    }
    arm_receive();
    pump();
    finish_if_answered();
}

void Session::check(std::span<const std::byte> bytes) {
    const Expectation& expectation = context_.plan.expectation;
    const std::uint64_t now = context_.port.now();
    if (state_ == State::running) {
        moved_ns_ = now;
    }
    while (!bytes.empty()) {
        const ReplyChecker::Step step = checker_.check(expectation, bytes, started_);
        const std::span<const std::byte> used = bytes.first(step.used);
        bytes = bytes.subspan(step.used);
        switch (step.event) {
            case ReplyChecker::Event::more: context_.observer.reply(connection_, used, false); break;
            case ReplyChecker::Event::reply:
                take_reply(false, now);
                context_.observer.reply(connection_, used, true);
                break;
            case ReplyChecker::Event::wrong:
                take_reply(true, now);
                context_.observer.difference(checker_.difference());
                context_.observer.reply(connection_, used, true);
                if (expectation.framing.type == Framing::Type::none) {
                    broken("a wrong reply, and without framing no way to find the next one");
                    return;
                }
                break;
            case ReplyChecker::Event::unexpected:
                if (expectation.replies == nullptr) {
                    break;  // any bytes do
                }
                ++context_.totals.unexpected;
                if (expectation.framing.type == Framing::Type::none) {
                    broken("bytes that answer nothing");
                    return;
                }
                break;
        }
    }
}

void Session::take_reply(bool is_wrong, std::uint64_t now_ns) {
    ++answered_;
    ++context_.totals.received;
    context_.totals.wrong += is_wrong ? 1 : 0;
    context_.totals.last_reply_ns = now_ns;
    context_.totals.latency_ns.record(now_ns - send_times_[answered_ % send_times_size_]);
}

// ---- sending

bool Session::may_begin_message() const noexcept {
    const LoadPlan& plan = context_.plan;
    return !context_.draining && unanswered() < plan.depth && (plan.count == 0 || started_ < plan.count);
}

void Session::fill_send_buffer() {
    const MessageSource& messages = *context_.plan.messages;
    const auto size = static_cast<std::uint32_t>(context_.send_buffer_bytes);
    const std::uint64_t now = context_.port.now();
    filled_ = 0;
    taken_ = 0;
    ended_ = 0;
    while (filled_ < size) {
        if (made_ == message_size_) {
            if (!may_begin_message()) {
                break;
            }
            if (unanswered() == 0) {
                moved_ns_ = now;  // a reply is due from here on
            }
            ++started_;
            send_times_[started_ % send_times_size_] = now;
            message_size_ = messages.size({connection_, started_});
            made_ = 0;
        }
        const std::uint64_t part = std::min<std::uint64_t>(size - filled_, message_size_ - made_);
        messages.fill({connection_, started_}, made_, {send_buffer_.get() + filled_, static_cast<std::size_t>(part)});
        filled_ += static_cast<std::uint32_t>(part);
        made_ += part;
        ended_ += made_ == message_size_ ? 1 : 0;
    }
    if (context_.totals.first_send_ns == 0 && filled_ != 0) {
        context_.totals.first_send_ns = now;
    }
}

void Session::submit_send() {
    send_part_ = {send_buffer_.get() + taken_, filled_ - taken_};
    send_.pending = true;
    context_.port.send(send_);
}

void Session::pump() {
    if (state_ != State::running || !has_begun_ || send_.pending) {
        return;
    }
    fill_send_buffer();
    if (filled_ != 0) {
        submit_send();
    }
}

void Session::on_send() {
    if (state_ == State::closing) {
        context_.totals.bytes_sent += send_.bytes;
        close_if_joined();
        return;
    }
    if (send_.error != io::Error::none) {
        broken(text_of(send_));
        return;
    }
    taken_ += static_cast<std::uint32_t>(send_.bytes);
    context_.totals.bytes_sent += send_.bytes;
    moved_ns_ = context_.port.now();
    if (taken_ < filled_) {
        submit_send();
        return;
    }
    context_.totals.sent += ended_;
    pump();
    finish_if_answered();
}

// ---- ending

void Session::drain() {
    finish_if_answered();
}

void Session::finish_if_answered() {
    if (state_ != State::running || !has_begun_ || send_.pending || unanswered() != 0 || may_begin_message()) {
        return;
    }
    state_ = State::finishing;
    moved_ns_ = context_.port.now();
    restart_timer();
    if (!socket_.shutdown_send()) {
        close();
    }
}

void Session::broken(std::string reason) {
    ++context_.totals.connections_broken;
    note_failure(std::move(reason));
    const LoadPlan& plan = context_.plan;
    context_.totals.lost += (plan.count == 0 ? started_ : plan.count) - answered_;
    close();
}

void Session::note_failure(std::string reason) {
    ++context_.totals.failures[std::move(reason)];
}

void Session::abandon() {
    if (state_ == State::closing || state_ == State::done) {
        return;
    }
    if (state_ == State::connecting) {
        --context_.connecting;
    }
    context_.totals.unanswered += unanswered();
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
    state_ = State::done;
    ++context_.done;
}

}  // namespace portico::client
