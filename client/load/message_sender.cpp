#include "load/message_sender.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace portico::client {

namespace {

// The limit of consecutive sends that complete in the submitting call, so that a peer that takes
// all we have does not starve the others.
constexpr int sends_at_once_max = 4;

// With a rate: a message that leaves later than this after its instant counts as late.
constexpr std::uint64_t late_ns = base::nanoseconds_per_millisecond;

}  // namespace

MessageSender::MessageSender(SessionContext& context, ReplyAccounting& replies,
                             std::uint32_t connection)
    : context_(context),
      replies_(replies),
      message_{connection, 0, 0},
      send_buffer_(std::make_unique<std::byte[]>(context.send_buffer_bytes)) {
    send_.buffers = {&send_part_, 1};
}

// ---- which messages may begin

bool MessageSender::has_more() const noexcept {
    return (!context_.draining || is_within_pass()) &&
           (context_.plan.count == 0 || replies_.begun() < context_.plan.count);
}

// A script that has begun runs to its end.
bool MessageSender::is_within_pass() const noexcept {
    const Script* script = context_.plan.script;
    return script != nullptr && replies_.begun() % script->exchanges() != 0;
}

bool MessageSender::has_more_here() const noexcept {
    const std::uint64_t most = context_.plan.messages_per_connection;
    return has_more() && (most == 0 || replies_.begun() - before_ < most);
}

bool MessageSender::may_begin_message() noexcept {
    const LoadPlan& plan = context_.plan;
    return replies_.due() < plan.depth && (!plan.rate || skipped_ + replies_.begun() < due_) &&
           has_more_here() && !is_paused();
}

// Returns whether the script delays the next message.
bool MessageSender::is_paused() noexcept {
    const Script* script = context_.plan.script;
    const std::uint64_t next = replies_.begun() + 1;
    const std::uint64_t pause_ns = script != nullptr ? script->pause_ns(next) : 0;
    if (pause_ns == 0) {
        return false;
    }
    if (std::exchange(paused_before_, next) != next) {
        pause_until_ns_ = context_.now_ns + pause_ns;
        has_new_pause_ = true;
    }
    return context_.now_ns < pause_until_ns_;
}

// ---- making them

void MessageSender::begin_message() {
    const std::uint64_t now = context_.now_ns;
    if (!is_waiting()) {
        replies_.start_waiting();
    }
    const std::uint64_t since_ns = context_.plan.rate
                                       ? context_.schedule.due_ns(message_.connection,
                                                                  skipped_ + replies_.begun() + 1)
                                       : now;
    message_.number = replies_.begin({now, since_ns});
    message_.began_ns = now;
    measures_ = since_ns >= context_.measured_from_ns;
    context_.totals.sent_late += measures_ && now > since_ns + late_ns ? 1 : 0;
    message_size_ = context_.plan.messages->size(message_);
    made_ = 0;
    if (context_.plan.script != nullptr && !context_.plan.script->has_reply(message_)) {
        replies_.expect_none(message_.number);
    }
}

void MessageSender::fill_send_buffer() {
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

void MessageSender::restart() noexcept {
    before_ = replies_.begun();
    made_ = message_size_;
    filled_ = taken_ = ended_ = 0;
    has_new_pause_ = false;
}

// ---- sending

bool MessageSender::send() {
    PORTICO_ASSERT(!send_.pending);
    for (int at_once = 0;; ++at_once) {
        if (taken_ == filled_) {
            if (made_ == message_size_ && !may_begin_message()) {
                return true;
            }
            fill_send_buffer();
            if (filled_ == 0) {
                return true;  // a message of no bytes, and nothing after it
            }
        }
        send_part_ = {send_buffer_.get() + taken_, filled_ - taken_};
        if (at_once == sends_at_once_max) {
            send_.pending = true;
            context_.port.send(send_);
            return true;
        }
        if (!context_.port.send_at_once(send_)) {
            send_.pending = true;
            return true;
        }
        if (!finish_send()) {
            return false;
        }
    }
}

bool MessageSender::finish_send() noexcept {
    if (send_.error != io::Error::none) {
        return false;
    }
    taken_ += static_cast<std::uint32_t>(send_.bytes);
    count_sent_bytes();
    if (taken_ == filled_) {
        context_.totals.sent += ended_;
    }
    return true;
}

}  // namespace portico::client
