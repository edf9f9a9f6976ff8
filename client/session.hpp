// One connection's script: connect, send its messages with at most `depth` of them unanswered, check every reply, close in order; with
// `messages_per_connection` then the same again over a new connection, until all its messages are done.
//
//     idle -> connecting -> running -> finishing -> closing -> done
//      ^          |            |                     ^  |
//      |          +------------+---------------------+  |   (any failure, an interrupt)
//      +------------------------------------------------+   (more messages, for the next connection)
//
//   running    the receive is always armed, also while a send is blocked, so a peer that stops reading until it is read from is no
//              deadlock; at most one send is in flight, from a buffer of this session into which messages are made piece by piece
//   finishing  every reply has come: our sending side is shut down, the peer's end is awaited for a while
//   closing    a join: operations are cancelled, and when the last has come back the socket is closed
//
// Nothing is allocated after the constructor, but for the text of a failure, which is left out where memory is. All on the port's one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "expectation.hpp"
#include "io/completion_port.hpp"
#include "message.hpp"
#include "owned.hpp"
#include "session_context.hpp"

namespace portico::client {

class Session {
public:
    Session(SessionContext& context, std::uint32_t connection);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // idle -> connecting (or done, when there are no descriptors).
    void connect();
    // Starts sending. Does nothing when the connection has failed. With a rate: the first `skipped` messages of its schedule are never sent.
    void begin(std::uint64_t skipped);
    // So many of its messages are due by now (with a rate), the skipped ones too.
    void messages_due(std::uint64_t count);
    // context.draining has been set.
    void drain();
    // The run ends early: ends without calling anything lost.
    void abandon();

    // Waits in context.reconnecting for its next connect().
    [[nodiscard]] bool waits_for_connect() const noexcept { return state_ == State::idle; }
    // Messages that became due and have not begun to leave.
    [[nodiscard]] std::uint64_t overdue() const noexcept { return due_ > skipped_ + started_ ? due_ - skipped_ - started_ : 0; }

private:
    enum class State : std::uint8_t { idle, connecting, running, finishing, closing, done };

    template <class Kind>
    void cancel(Owned<Session, Kind>& operation) noexcept;

    void open();
    void arm_receive();
    void arm_timer(std::uint64_t deadline_ns);
    void restart_timer();
    void on_connect();
    void on_receive();
    void on_send();
    void on_timer();

    template <class Reason>
    void connect_failed(const Reason& reason) noexcept;
    void check(std::span<const std::byte> bytes);
    void take_reply(bool is_wrong, std::uint64_t now_ns);
    // Whether messages are left to begin, ever; on this connection; now.
    [[nodiscard]] bool has_more() const noexcept;
    [[nodiscard]] bool has_more_here() const noexcept;
    [[nodiscard]] bool may_begin_message() const noexcept;
    void begin_message();
    void fill_send_buffer();
    [[nodiscard]] bool take_sent();
    void pump();
    void finish_if_answered();
    [[nodiscard]] std::uint64_t unanswered() const noexcept { return started_ - answered_; }

    template <class Reason>
    void broken(const Reason& reason) noexcept;
    void close();
    void close_if_joined();

    SessionContext& context_;
    io::Socket socket_;
    Owned<Session, io::ConnectOperation> connect_;
    Owned<Session, io::ReceiveOperation> receive_;
    Owned<Session, io::SendOperation> send_;
    Owned<Session, io::TimerOperation> timer_;
    io::ConstBuffer send_part_;

    State state_ = State::idle;
    bool has_begun_ = false;
    bool connect_timed_out_ = false;
    bool has_ended_early_ = false;  // failed or abandoned: no further connection
    const std::uint32_t connection_;
    std::size_t address_ = 0;
    std::uint64_t moved_ns_ = 0;  // when a byte moved last while a reply was due; when the peer's end began to be awaited
    std::uint64_t asked_ns_ = 0;  // when the connect was begun

    std::uint64_t due_ = 0;      // messages whose instant has come (with a rate), and of these
    std::uint64_t skipped_ = 0;  // those that came before its turn
    std::uint64_t started_ = 0;  // messages whose first byte is in the send buffer or further
    std::uint64_t before_ = 0;   // of those, the ones that earlier connections sent
    std::uint64_t answered_ = 0;
    std::uint64_t made_ = 0;          // bytes of message `started_` made so far
    std::uint64_t message_size_ = 0;  // of message `started_`
    bool measures_ = false;           // message `started_` is none of the warm-up's
    std::uint32_t ended_ = 0;         // messages that end in the send buffer, but for the warm-up's
    std::uint32_t filled_ = 0;        // bytes in the send buffer
    std::uint32_t taken_ = 0;         // of those, taken by the system
    std::unique_ptr<std::byte[]> send_buffer_;
    const std::uint32_t send_times_mask_;
    std::unique_ptr<std::uint64_t[]> send_times_;  // of the unanswered messages, by the low bits of the number: when each began to leave
    std::unique_ptr<std::uint64_t[]> due_times_;   // with a rate: and when it was due
    ReplyChecker checker_;
};

}  // namespace portico::client
