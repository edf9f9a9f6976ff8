// One connection's work: connect, send its messages with at most `depth` of them unanswered, check
// every reply, close in order. With `messages_per_connection` it then repeats this over a new
// connection, until all its messages are done.
//
//     idle -> connecting -> running -> finishing -> closing -> done
//      ^ ^        |            |                     ^  |
//      | |        +------------+---------------------+  |   (any failure, an interrupt)
//      | +----------------------------------------------+   (the next connection has more messages)
//      +--------- backoff <-----------------------------+   (with `reconnect`: a connect failed)
//
//   running    the receive is always armed, also while a send is blocked: a peer that stops reading
//              until its own bytes are read causes no deadlock. MessageSender sends,
//              ReplyAccounting counts the replies
//   finishing  every reply has come: our sending side is shut down, and the peer has a while to end
//              its own
//   backoff    waits a moment before it tries to connect again
//   closing    a join: operations are cancelled, and when the last has come back the socket is
//              closed
//
// Nothing is allocated after the constructor, except the text of a failure, which is left out if
// there is no memory. Everything runs on the port's one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/completion_port.hpp"
#include "load/connector.hpp"
#include "load/message_sender.hpp"
#include "load/owned.hpp"
#include "load/reply_accounting.hpp"
#include "load/session_context.hpp"
#include "messages/expectation.hpp"

namespace portico::client {

class Session {
public:
    Session(SessionContext& context, std::uint32_t connection);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // idle -> connecting (or done, if no descriptor is left).
    void connect();
    // Starts sending. Does nothing if the connection has failed. With a rate: the first `skipped`
    // messages of its schedule are never sent.
    void begin(std::uint64_t skipped);
    // With a rate: so many of its messages are due by now, including the skipped ones.
    void messages_due(std::uint64_t count);
    // Call it after context.draining has been set.
    void drain();
    // The run ends early: stops without counting anything as lost.
    void abandon();
    // So many of its messages became due before the run's end, even if the connection ended before.
    void count_due(std::uint64_t count) noexcept { sender_.raise_due(count); }
    // The run is over: a connection that was to come back and has not counts as broken.
    void conclude() noexcept { replies_.conclude(); }

    // Waits in context.reconnecting for its next connect().
    [[nodiscard]] bool waits_for_connect() const noexcept { return state_ == State::idle; }
    // Messages that became due and have not begun to leave.
    [[nodiscard]] std::uint64_t overdue() const noexcept { return sender_.overdue(); }

private:
    enum class State : std::uint8_t {
        idle,
        connecting,
        running,
        finishing,
        closing,
        backoff,
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
    void apply(const ReplyChecker::Step& step, std::span<const std::byte> used);
    void end_reply();
    [[nodiscard]] std::uint64_t timeout_at(std::uint64_t now_ns) const noexcept;
    [[nodiscard]] std::uint64_t reply_ends_at() const noexcept;
    [[nodiscard]] std::uint64_t finish_ends_at() const noexcept;
    void pump();
    void finish_if_answered();

    // Ends the connection: because of a mistake in the replies; because of the peer or the network.
    template <class Reason>
    void broken(const Reason& reason) noexcept;
    template <class Reason>
    void connection_lost(const Reason& reason) noexcept;
    [[nodiscard]] bool comes_again() const noexcept {
        return context_.plan.reconnect && has_begun_ && !has_ended_early_ && sender_.has_more();
    }
    void close();
    void close_if_joined();

    SessionContext& context_;
    Connector connector_;
    Owned<Session, io::ReceiveOperation> receive_;
    Owned<Session, io::TimerOperation> timer_;

    State state_ = State::idle;
    bool has_begun_ = false;
    bool backs_off_ = false;        // before the next connect
    bool has_ended_early_ = false;  // failed or abandoned: no further connection
    const std::uint32_t connection_;
    std::uint64_t last_byte_ns_ = 0;  // when the last one came
    std::uint64_t connect_began_ns_ = 0;

    ReplyAccounting replies_;
    MessageSender sender_;
    ReplyChecker checker_;
};

}  // namespace portico::client
