// One connection's script: connect, send its messages with at most `depth` of them unanswered, check every reply, close in order.
//
//     idle -> connecting -> running -> finishing -> closing -> done
//                 |            |                       ^
//                 +------------+-----------------------+   (any failure, an interrupt)
//
//   running    the receive is always armed, also while a send is blocked, so a peer that stops reading until it is read from is no
//              deadlock; at most one send is in flight, from a buffer of this session into which messages are made piece by piece
//   finishing  every reply has come: our sending side is shut down, the peer's end is awaited for a while
//   closing    a join: operations are cancelled, and when the last has come back the socket is closed
//
// Nothing is allocated after the constructor, but for the text of a failure. All on the port's one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expectation.hpp"
#include "io/completion_port.hpp"
#include "message.hpp"
#include "totals.hpp"

namespace portico::client {

// What a run is to do.
struct LoadPlan {
    std::vector<io::Address> addresses;  // tried in their order until one connects
    std::uint32_t connections = 1;
    std::uint64_t count = 1;  // messages of each connection; 0: until duration_ns is over
    std::uint64_t duration_ns = 0;
    std::uint32_t depth = 1;
    std::uint64_t connect_timeout_ns = 0;
    std::uint64_t reply_timeout_ns = 0;  // without a byte moved either way while a reply is due
    const MessageSource* messages = nullptr;
    Expectation expectation;
};

// Whoever wants to see more of a run than its totals.
class Observer {
public:
    virtual ~Observer() = default;
    // A wrong reply.
    virtual void difference(const Difference&) {}
    // Part of a reply, framing included; `complete` with its last part.
    virtual void reply(std::uint32_t /*connection*/, std::span<const std::byte>, bool /*complete*/) {}
    // Ten times a second or so.
    virtual void tick(const Totals&, std::uint64_t /*now_ns*/) {}
};

// What the sessions of a run share.
struct SessionContext {
    io::CompletionPort& port;
    const LoadPlan& plan;
    Observer& observer;
    Totals totals;
    std::size_t send_buffer_bytes = 0;  // of each session
    std::size_t address = 0;            // where connects begin in plan.addresses
    std::uint32_t connecting = 0;       // sessions that wait for their connect
    std::uint32_t done = 0;
    bool draining = false;  // no message is begun any more
};

class Session {
public:
    Session(SessionContext& context, std::uint32_t connection);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // idle -> connecting (or done, when there are no descriptors).
    void connect();
    // Starts sending. Does nothing when the connection has failed.
    void begin();
    // context.draining has been set.
    void drain();
    // An interrupt: ends without calling anything lost.
    void abandon();

private:
    enum class State : std::uint8_t { idle, connecting, running, finishing, closing, done };

    // An operation that knows its session. `pending` lasts until its handler runs: longer than in_flight, since wait() hands out several.
    template <class Kind>
    struct Owned : Kind {
        Session* session = nullptr;
        bool pending = false;
    };

    template <void (Session::*handler)(), class Kind>
    void prepare(Owned<Kind>& operation) noexcept;
    template <class Kind>
    void cancel(Owned<Kind>& operation) noexcept;

    void open();
    void arm_receive();
    void arm_timer(std::uint64_t deadline_ns);
    void restart_timer();
    void on_connect();
    void on_receive();
    void on_send();
    void on_timer();

    void connect_failed(std::string reason);
    void check(std::span<const std::byte> bytes);
    void take_reply(bool is_wrong, std::uint64_t now_ns);
    [[nodiscard]] bool may_begin_message() const noexcept;
    void fill_send_buffer();
    void submit_send();
    void pump();
    void finish_if_answered();
    [[nodiscard]] std::uint64_t unanswered() const noexcept { return started_ - answered_; }

    void broken(std::string reason);
    void note_failure(std::string reason);
    void close();
    void close_if_joined();

    SessionContext& context_;
    io::Socket socket_;
    Owned<io::ConnectOperation> connect_;
    Owned<io::ReceiveOperation> receive_;
    Owned<io::SendOperation> send_;
    Owned<io::TimerOperation> timer_;
    io::ConstBuffer send_part_;

    State state_ = State::idle;
    bool has_begun_ = false;
    bool connect_timed_out_ = false;
    const std::uint32_t connection_;
    std::size_t address_ = 0;
    std::uint64_t moved_ns_ = 0;  // when a byte moved last while a reply was due; when the peer's end began to be awaited

    std::uint64_t started_ = 0;  // messages whose first byte is in the send buffer or further
    std::uint64_t answered_ = 0;
    std::uint64_t made_ = 0;          // bytes of message `started_` made so far
    std::uint64_t message_size_ = 0;  // of message `started_`
    std::uint32_t ended_ = 0;         // messages that end in the send buffer
    std::uint32_t filled_ = 0;        // bytes in the send buffer
    std::uint32_t taken_ = 0;         // of those, taken by the system
    std::unique_ptr<std::byte[]> send_buffer_;
    const std::uint32_t send_times_size_;
    std::unique_ptr<std::uint64_t[]> send_times_;  // of the unanswered messages: number modulo size
    ReplyChecker checker_;
};

}  // namespace portico::client
