// Counts and reports one connection's replies: which message each one answers, how long that took,
// and which messages are lost. ReplyChecker has compared the bytes before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "load/session_context.hpp"
#include "load/unanswered.hpp"
#include "messages/message.hpp"

namespace portico::client {

class ReplyAccounting {
public:
    ReplyAccounting(SessionContext& context, std::uint32_t connection);
    ReplyAccounting(const ReplyAccounting&) = delete;
    ReplyAccounting& operator=(const ReplyAccounting&) = delete;

    // The next message begins. Returns its number, from 1.
    std::uint64_t begin(MessageTimes times) noexcept { return unanswered_.begin(times); }
    // This message has just begun, and no reply to it is expected.
    void expect_none(std::uint64_t number) noexcept { (void)unanswered_.answer(number); }
    // Restarts the time to wait for the peer: for a reply, or for its end.
    void start_waiting() noexcept { waiting_since_ns_ = context_.now_ns; }

    // A whole reply has come. A right one may still be out of turn. The number is 0 if a wrong one
    // does not name its message.
    void right_reply(MessageId message) noexcept;
    void wrong_reply(MessageId message) noexcept;
    // A right reply to another connection's message.
    void crossed_reply(MessageId message) noexcept;
    // Bytes have come that answer nothing.
    void unexpected_bytes(std::span<const std::byte> bytes) noexcept;

    // No reply has come within the timeout. If replies name their messages, gives up those that are
    // due and returns true: the connection goes on. It does so only once until the next reply
    // comes; without one, the server is gone.
    [[nodiscard]] bool give_up_due() noexcept;
    // The connection broke and will be opened again: the replies that are due are lost. The outage
    // lasts until the next reply.
    void begin_outage() noexcept;
    [[nodiscard]] bool is_out() const noexcept { return outage_since_ns_ != 0; }
    // The connection does not come back: each message that is unsent or unanswered is lost.
    void lose_rest() noexcept;
    // The run is over: counts a connection as broken if it has not come back.
    void conclude() noexcept;

    [[nodiscard]] std::uint64_t begun() const noexcept { return unanswered_.begun(); }
    [[nodiscard]] std::uint64_t due() const noexcept { return unanswered_.due(); }
    // The message whose reply is next. began_ns is 0 if it has not begun.
    [[nodiscard]] MessageId next_reply() const noexcept {
        const std::uint64_t number = unanswered_.settled() + 1;
        return {connection_, number, number <= begun() ? unanswered_.times(number).began_ns : 0};
    }
    // Incomplete replies do not change it.
    [[nodiscard]] std::uint64_t waiting_since_ns() const noexcept { return waiting_since_ns_; }

private:
    void count_reply(MessageId message, MessageTimes times) noexcept;
    void end_outage() noexcept;
    void count_failure(std::uint64_t Totals::*figure) noexcept;
    // `before`: the connection's lost messages until now.
    void count_lost(std::uint64_t before) noexcept {
        context_.totals.lost += unanswered_.lost() - before;
    }
    void report(Finding::Kind kind, MessageId expected, MessageId came,
                std::uint64_t count = 1) noexcept;

    SessionContext& context_;
    const std::uint32_t connection_;
    bool has_given_up_ = false;  // has given up messages, and no reply has come since
    std::uint64_t waiting_since_ns_ = 0;
    std::uint64_t outage_since_ns_ = 0;  // 0: there is none
    Unanswered unanswered_;              // a message begins with its first byte in the send buffer
};

}  // namespace portico::client
