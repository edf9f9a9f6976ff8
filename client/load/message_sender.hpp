// Sends one connection's messages: decides which may begin now, makes them piece by piece in a
// buffer of its own, and hands that to the port. At most one send is in flight.
//
// A message may begin if fewer than `depth` are unanswered, its instant has come (with a rate), its
// pause is over (with a script) and the connection has any left.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "io/completion_port.hpp"
#include "load/owned.hpp"
#include "load/reply_accounting.hpp"
#include "load/session_context.hpp"
#include "messages/message.hpp"

namespace portico::client {

class Session;

class MessageSender {
public:
    MessageSender(SessionContext& context, ReplyAccounting& replies, std::uint32_t connection);
    MessageSender(const MessageSender&) = delete;
    MessageSender& operator=(const MessageSender&) = delete;

    // The session handles its completion, with finish_send(). The socket is the session's too.
    [[nodiscard]] Owned<Session, io::SendOperation>& operation() noexcept { return send_; }

    // With a rate: the first `count` messages of the schedule are never sent.
    void skip(std::uint64_t count) noexcept { skipped_ = due_ = count; }
    // With a rate: so many messages are due, including the skipped ones.
    void set_due(std::uint64_t count) noexcept { due_ = count; }
    // The same, at the run's end.
    void raise_due(std::uint64_t count) noexcept { due_ = std::max(due_, count); }
    // Messages that became due and have not begun to leave.
    [[nodiscard]] std::uint64_t overdue() const noexcept {
        const std::uint64_t started = skipped_ + replies_.begun();
        return due_ > started ? due_ - started : 0;
    }

    // Sends what may be sent, until the system takes no more at once. Returns false if the
    // connection is broken; the operation then has the error. Nothing may be in flight.
    [[nodiscard]] bool send();
    // Handles the completed operation. Returns false as above.
    [[nodiscard]] bool finish_send() noexcept;
    // The same, on a connection that is being closed.
    void count_sent_bytes() noexcept {
        context_.totals.bytes_sent += context_.now_ns >= context_.measured_from_ns ? send_.bytes
                                                                                   : 0U;
    }
    // For a new connection. Drops the rest of a message that had begun: it failed with the old
    // connection.
    void restart() noexcept;

    // True if messages are left to begin: ever; on this connection.
    [[nodiscard]] bool has_more() const noexcept;
    [[nodiscard]] bool has_more_here() const noexcept;
    // Bytes are left to send, or replies are due.
    [[nodiscard]] bool is_waiting() const noexcept {
        return replies_.due() != 0 || made_ != message_size_ || taken_ != filled_;
    }
    // With a script: when the pause before the next message ends; 0 or in the past if there is
    // none.
    [[nodiscard]] std::uint64_t pause_until_ns() const noexcept { return pause_until_ns_; }
    // True once after a pause has begun: the timer must be set to its end.
    [[nodiscard]] bool has_new_pause() noexcept { return std::exchange(has_new_pause_, false); }

private:
    [[nodiscard]] bool may_begin_message() noexcept;
    [[nodiscard]] bool is_paused() noexcept;
    [[nodiscard]] bool is_within_pass() const noexcept;
    void begin_message();
    void fill_send_buffer();

    SessionContext& context_;
    ReplyAccounting& replies_;
    Owned<Session, io::SendOperation> send_;
    io::ConstBuffer send_part_;
    std::uint64_t due_ = 0;      // messages whose instant has come (with a rate)
    std::uint64_t skipped_ = 0;  // those of due_ that came before the connection's turn
    std::uint64_t before_ = 0;   // messages that earlier connections sent
    MessageId message_;          // the last that has begun
    std::uint64_t made_ = 0;     // bytes of it made so far
    std::uint64_t message_size_ = 0;
    bool measures_ = false;  // it is not part of the warm-up
    bool has_new_pause_ = false;
    // the number of the message that the last pause came before
    std::uint64_t paused_before_ = 0;
    std::uint64_t pause_until_ns_ = 0;
    std::uint32_t ended_ = 0;   // messages that end in the send buffer, without the warm-up's
    std::uint32_t filled_ = 0;  // bytes in the send buffer
    std::uint32_t taken_ = 0;   // of those, taken by the system
    std::unique_ptr<std::byte[]> send_buffer_;
};

}  // namespace portico::client
