// One connection's script: connect, send its messages with at most `depth` of them unanswered,
// check every reply, close in order; with `messages_per_connection` then the same again over a new
// connection, until all its messages are done.
//
//     idle -> connecting -> running -> finishing -> closing -> done
//      ^ ^        |            |                     ^  |
//      | |        +------------+---------------------+  |   (any failure, an interrupt)
//      | +----------------------------------------------+   (more messages, for the next connection)
//      +--------- resting <-----------------------------+   (with `reconnect`: it could not be opened again; a moment later)
//
//   running    the receive is always armed, also while a send is blocked, so a peer that stops
//              reading until it is read from is no deadlock; at most one send is in flight, from a
//              buffer of this session into which messages are made piece by piece
//   finishing  every reply has come: our sending side is shut down, the peer's end is awaited for a
//              while
//   resting    waits a moment before it tries to connect again
//   closing    a join: operations are cancelled, and when the last has come back the socket is
//              closed
//
// Nothing is allocated after the constructor, but for the text of a failure, which is left out
// where memory is. All on the port's one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/completion_port.hpp"
#include "load/connector.hpp"
#include "load/owned.hpp"
#include "load/session_context.hpp"
#include "load/unanswered.hpp"
#include "messages/expectation.hpp"
#include "messages/message.hpp"

namespace portico::client {

class Session {
public:
    Session(SessionContext& context, std::uint32_t connection);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // idle -> connecting (or done, when there are no descriptors).
    void connect();
    // Starts sending. Does nothing when the connection has failed. With a rate: the first `skipped`
    // messages of its schedule are never sent.
    void begin(std::uint64_t skipped);
    // So many of its messages are due by now (with a rate), the skipped ones too.
    void messages_due(std::uint64_t count);
    // context.draining has been set.
    void drain();
    // The run ends early: ends without calling anything lost.
    void abandon();
    // So many of its messages have come to be due by the run's end, whether or not it has lived to
    // send them.
    void count_due(std::uint64_t count) noexcept { due_ = std::max(due_, count); }
    // The run is over; one that was to come back and has not is broken.
    void conclude() noexcept;

    // Waits in context.reconnecting for its next connect().
    [[nodiscard]] bool waits_for_connect() const noexcept { return state_ == State::idle; }
    // Messages that became due and have not begun to leave.
    [[nodiscard]] std::uint64_t overdue() const noexcept {
        return due_ > skipped_ + begun() ? due_ - skipped_ - begun() : 0;
    }

private:
    enum class State : std::uint8_t {
        idle,
        connecting,
        running,
        finishing,
        closing,
        resting,
        done
    };

    template <class Kind>
    void cancel(Owned<Session, Kind>& operation) noexcept;

    void on_connector();
    void on_connected();
    void arm_receive();
    void arm_timer(std::uint64_t deadline_ns);
    void restart_timer();
    void on_receive();
    void on_send();
    void on_timer();

    void connect_failed() noexcept;
    void check(std::span<const std::byte> bytes);
    void take(const ReplyChecker::Step& step, std::span<const std::byte> used);
    void take_reply(MessageId message);
    void take_wrong(MessageId message);
    void take_unexpected(std::span<const std::byte> bytes);
    // A reply has come to this message, which began at these times. A number of 0 where that is not
    // known.
    void count_reply(MessageId message, MessageTimes times);
    void count_failure(std::uint64_t Totals::*figure) noexcept;
    // What is lost of this connection has changed from so many.
    void count_lost(std::uint64_t before) noexcept {
        context_.totals.lost += unanswered_.lost() - before;
    }
    void tell(Finding::Kind kind, MessageId expected, MessageId came,
              std::uint64_t count = 1) noexcept;
    [[nodiscard]] MessageId next_reply() const noexcept;
    [[nodiscard]] bool gives_up_messages() noexcept;
    // Whether messages are left to begin, ever; on this connection; now.
    [[nodiscard]] bool has_more() const noexcept;
    [[nodiscard]] bool has_more_here() const noexcept;
    [[nodiscard]] bool may_begin_message() noexcept;
    // Whether the script has the next message wait; then the timer is set.
    [[nodiscard]] bool is_paused() noexcept;
    [[nodiscard]] bool is_within_pass() const noexcept;
    void end_reply();
    [[nodiscard]] std::uint64_t timeout_at(std::uint64_t now_ns) const noexcept;
    [[nodiscard]] std::uint64_t reply_ends_at() const noexcept;
    [[nodiscard]] std::uint64_t finish_ends_at() const noexcept;
    void begin_message();
    void fill_send_buffer();
    [[nodiscard]] bool take_sent();
    void pump();
    void finish_if_answered();
    [[nodiscard]] std::uint64_t begun() const noexcept { return unanswered_.begun(); }

    // Something is on its way, or owed.
    [[nodiscard]] bool is_waiting() const noexcept {
        return unanswered_.due() != 0 || made_ != message_size_ || taken_ != filled_;
    }
    // Ended by a mistake in the replies; by the other side or the way to it.
    template <class Reason>
    void broken(const Reason& reason) noexcept;
    template <class Reason>
    void connection_lost(const Reason& reason) noexcept;
    [[nodiscard]] bool comes_again() const noexcept {
        return context_.plan.reconnect && has_begun_ && !has_ended_early_ && has_more();
    }
    void begin_outage() noexcept;
    void end_outage() noexcept;
    void close();
    void close_if_joined();

    SessionContext& context_;
    Connector connector_;
    Owned<Session, io::ReceiveOperation> receive_;
    Owned<Session, io::SendOperation> send_;
    Owned<Session, io::TimerOperation> timer_;
    io::ConstBuffer send_part_;

    State state_ = State::idle;
    bool has_begun_ = false;
    bool rests_ = false;            // before the next connect
    bool has_ended_early_ = false;  // failed or abandoned: no further connection
    const std::uint32_t connection_;
    // for the next reply, whatever bytes move; for the peer's end
    std::uint64_t waiting_since_ns_ = 0;
    std::uint64_t last_byte_ns_ = 0;     // when one came last
    std::uint64_t asked_ns_ = 0;         // when the connect was begun
    std::uint64_t outage_since_ns_ = 0;  // with `reconnect`: 0 but from a break to the next reply

    std::uint64_t due_ = 0;      // messages whose instant has come (with a rate), and of these
    std::uint64_t skipped_ = 0;  // those that came before its turn
    std::uint64_t before_ = 0;   // messages that earlier connections sent
    Unanswered unanswered_;      // a message begins with its first byte in the send buffer
    MessageId message_;          // the last that has begun
    std::uint64_t made_ = 0;     // bytes of it made so far
    std::uint64_t message_size_ = 0;
    bool measures_ = false;      // it is none of the warm-up's
    bool has_given_up_ = false;  // messages, and no reply has come since
    // with a script: the number of the message before which there was a pause last
    std::uint64_t paused_before_ = 0;
    std::uint64_t pause_until_ns_ = 0;
    std::uint32_t ended_ = 0;   // messages that end in the send buffer, but for the warm-up's
    std::uint32_t filled_ = 0;  // bytes in the send buffer
    std::uint32_t taken_ = 0;   // of those, taken by the system
    std::unique_ptr<std::byte[]> send_buffer_;
    ReplyChecker checker_;
};

}  // namespace portico::client
