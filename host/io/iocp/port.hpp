// The completion port on Windows' own completion ports: it makes overlapped calls, and
// GetQueuedCompletionStatusEx hands out their results in batches.
//
// A receive goes one of two ways. A quiet connection waits with a receive of no bytes, which costs
// neither a buffer of the pool nor a locked page; when that completes there is data, and a second
// receive with a buffer fetches it at once. A busy connection waits with a buffer right away, so
// that each message costs one call, unless the pool is under pressure: if half of its buffers are
// in use, every connection goes the first way. If no data comes for PortOptions::receive_idle_ms
// the sweep cancels that receive, and the connection goes the first way again. Data that beats the
// cancel is delivered.
//
// So a receive (and an accept, whose peer was gone too early) may need several calls before it
// completes. Its claim word (Socket::receive_state_, AcceptOperation::state) says which thread has
// it in hand: claim_word.hpp.
//
// The operation's outputs (and native_error, before it is final) serve as scratch space on the way;
// nobody else reads them before it completes.
#pragma once

#include "io/iocp/claim_word.hpp"
#include "io/iocp/extensions.hpp"
#include "io/iocp/late_posts.hpp"
#include "io/native.hpp"
#include "io/port_base.hpp"
#include "io/socket_registry.hpp"

namespace portico::io {

class IocpPort final : public PortBase {
public:
    [[nodiscard]] static base::Result<std::unique_ptr<CompletionPort>> make(
        BufferPool& buffers, const PortOptions& options);
    ~IocpPort() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "iocp"; }
    // The clock that ends waits ticks 64 times a second, unless some program has asked for more.
    [[nodiscard]] std::uint64_t wait_grain_ns() const noexcept override {
        return 16 * base::nanoseconds_per_millisecond;
    }
    [[nodiscard]] base::Result<void> attach(Socket& socket) override;
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override { return 256; }

    void accept(AcceptOperation& operation) noexcept override;
    void connect(ConnectOperation& operation) noexcept override;
    void receive(ReceiveOperation& operation) noexcept override;
    void send(SendOperation& operation) noexcept override;
    [[nodiscard]] bool send_at_once(SendOperation& operation) noexcept override;
    void post(PostOperation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void close(Socket& socket) noexcept override;
    void move(Socket& from, Socket& to) noexcept override;

private:
    using ClaimWord = iocp::BasicClaimWord<std::atomic, Operation>;
    using Extensions = iocp::Extensions;

    IocpPort(BufferPool& buffers, const PortOptions& options, const Extensions& v4,
             const Extensions& v6) noexcept;

    [[nodiscard]] const Extensions& extensions(Address::Family family) const noexcept {
        return family == Address::Family::v6 ? v6_ : v4_;
    }

    // True if the operation has completed.
    [[nodiscard]] bool begin_send(SendOperation& operation) noexcept;

    // The next step that an operation in hand needs.
    enum class Next : std::uint8_t {
        nothing,      // it has completed: its outputs are filled in
        call,         // a call to the system
        buffer_call,  // a buffer, then a call: there is something to receive
    };
    // The outcome of a call.
    enum class Called : std::uint8_t {
        finished,  // the result is noted, and no packet will come: the operation is still in hand
        // a packet will come, or has come already: another thread may have the operation by now
        pending,
    };
    // The maker of a call. If it is wait(), a cancel or the sweep can meet the operation meanwhile.
    enum class By : std::uint8_t { submit, wait };

    std::size_t poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept override;
    void retry_starved() noexcept override;
    void interrupt_poll() noexcept override;
    [[nodiscard]] bool has_more() const noexcept override;
    [[nodiscard]] DWORD poll_milliseconds(std::uint64_t deadline_ns) noexcept;
    [[nodiscard]] bool queue_post(Operation& operation) noexcept;
    void queue_late_posts() noexcept;

    // Handles a packet: notes its result and takes the operation as far as it goes. Returns true if
    // it has completed.
    [[nodiscard]] bool dequeued(Operation& operation, std::uint32_t bytes) noexcept;
    // Carries on with an accept or a receive in hand. True if it has completed; false if it is
    // not in hand any more.
    template <class WaitingOperation>
    [[nodiscard]] bool advance(WaitingOperation& operation, Next next, By by) noexcept;
    // goes on from a noted result, for an accept or a receive
    [[nodiscard]] bool carry_on(Operation& operation) noexcept;

    // Turns a noted result into the next step.
    [[nodiscard]] Next apply_result(AcceptOperation& operation) noexcept;
    [[nodiscard]] Next apply_result(ReceiveOperation& operation) noexcept;
    void apply_result(ConnectOperation& operation) noexcept;
    void apply_result(SendOperation& operation, std::uint32_t bytes) noexcept;

    [[nodiscard]] Called call(AcceptOperation& operation) noexcept;
    [[nodiscard]] Called call(ReceiveOperation& operation) noexcept;

    [[nodiscard]] static ClaimWord claim_word_of(AcceptOperation& operation) noexcept {
        return ClaimWord(operation.state);
    }
    [[nodiscard]] static ClaimWord claim_word_of(ReceiveOperation& operation) noexcept {
        return ClaimWord(operation.socket->receive_state_);
    }

    // The outcome of asking for a buffer.
    enum class Buffered : std::uint8_t { taken, starved, cancelled };
    [[nodiscard]] Buffered take_buffer(ReceiveOperation& operation) noexcept;

    // Asks the system to end an operation of this socket early.
    void cancel_in_system(NativeSocket native, Operation& operation) noexcept;

    // Takes buffers back from receives that have waited with one for too long. Returns true if it
    // put something on the ready list.
    bool sweep(std::uint64_t instant_ms) noexcept;
    // The same, if it is due. Returns the milliseconds until the next one is due; 0 if it put
    // something on the ready list.
    [[nodiscard]] std::uint64_t sweep_if_due() noexcept;
    [[nodiscard]] bool any_buffer_posted() const noexcept;

    HANDLE port_ = nullptr;
    const Extensions v4_;
    const Extensions v6_;
    const std::uint64_t receive_idle_ms_;
    const std::uint64_t sweep_interval_ms_;

    // Receives that the system was given with a buffer, and those that came back. The sweep looks
    // for the difference.
    Counter buffers_posted_{0};
    Counter buffers_returned_{0};
    // The time of the next sweep (GetTickCount64); the thread that moves it on does the sweep. It
    // guards nothing else: relaxed.
    std::atomic<std::uint64_t> next_sweep_ms_{0};
    SocketRegistry sockets_;

    iocp::LatePosts late_posts_;
};

}  // namespace portico::io
