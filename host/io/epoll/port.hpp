// The completion port on epoll (Linux). A socket is registered once, edge-triggered, for both
// directions; the port turns readiness into completions: an edge that meets a waiting operation
// makes the call, and the operation completes with its result. One word for each direction
// (Socket::receive_state_, send_state_) holds its state: readiness.hpp.
#pragma once

#include "base/inline.hpp"
#include "io/epoll/readiness.hpp"
#include "io/port_base.hpp"
#include "io/post_queue.hpp"

namespace portico::io {

class EpollPort final : public PortBase {
public:
    [[nodiscard]] static base::Result<std::unique_ptr<CompletionPort>> make(
        BufferPool& buffers, const PortOptions& options);
    ~EpollPort() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
    [[nodiscard]] std::uint64_t wait_grain_ns() const noexcept override;
    void ask_for_exact_deadlines() noexcept override;
    [[nodiscard]] base::Result<void> attach(Socket& socket) override;
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override { return 1; }

    void accept(AcceptOperation& operation) noexcept override;
    [[nodiscard]] bool accept_at_once(AcceptOperation& operation) noexcept override;
    void connect(ConnectOperation& operation) noexcept override;
    void receive(ReceiveOperation& operation) noexcept override;
    void send(SendOperation& operation) noexcept override;
    [[nodiscard]] bool send_at_once(SendOperation& operation) noexcept override;
    void post(PostOperation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void close(Socket& socket) noexcept override;
    void move(Socket& from, Socket& to) noexcept override;

private:
    // Owns its descriptors as soon as make() has them.
    EpollPort(BufferPool& buffers, const PortOptions& options) noexcept;

    using Readiness = epoll::BasicReadiness<std::atomic, Operation>;

    // The outcome of an attempt.
    enum class Attempt : std::uint8_t {
        done,         // the operation's outputs are filled in
        would_block,  // wait for an edge
        starved,      // wait for a buffer
    };
    std::size_t poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept override;
    void retry_starved() noexcept override;
    void interrupt_poll() noexcept override;
    [[nodiscard]] bool has_more() const noexcept override;
    std::size_t take_posted(std::span<Operation*> into) noexcept;

    void receive_after_edge(ReceiveOperation& operation) noexcept;
    // True if the operation has completed.
    [[nodiscard]] bool begin_accept(AcceptOperation& operation) noexcept;
    [[nodiscard]] bool begin_send(SendOperation& operation) noexcept;

    // The word in which an operation waits.
    [[nodiscard]] PORTICO_ALWAYS_INLINE static Readiness readiness_of(
        AcceptOperation& operation) noexcept {
        return Readiness(operation.listener->receive_state_);
    }
    [[nodiscard]] PORTICO_ALWAYS_INLINE static Readiness readiness_of(
        ConnectOperation& operation) noexcept {
        return Readiness(operation.socket->send_state_);
    }
    [[nodiscard]] PORTICO_ALWAYS_INLINE static Readiness readiness_of(
        ReceiveOperation& operation) noexcept {
        return Readiness(operation.socket->receive_state_);
    }
    [[nodiscard]] PORTICO_ALWAYS_INLINE static Readiness readiness_of(
        SendOperation& operation) noexcept {
        return Readiness(operation.socket->send_state_);
    }
    [[nodiscard]] static Readiness readiness_of(Operation& operation) noexcept;

    // Makes the call. A send that was partial uses up the edge that announced room; the next one
    // begins with an attempt anyway.
    [[nodiscard]] Attempt attempt(AcceptOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(ConnectOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(ReceiveOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(SendOperation& operation) noexcept;
    // The pool is empty: the receive waits for a buffer, unless it was cancelled.
    [[nodiscard]] Attempt await_buffer(ReceiveOperation& operation) noexcept;

    // Tries, and parks the operation if it would block. Returns true if it has completed; false if
    // it is not in hand any more. Call Readiness::use_up() first.
    template <class Kind>
    [[nodiscard]] bool try_or_park(Kind& operation) noexcept;
    template <class Kind>
    [[nodiscard]] bool try_again_or_park(Kind& operation) noexcept;
    // For an operation that was taken out of its word, or from the starved.
    [[nodiscard]] bool try_taken(Operation& operation) noexcept;
    [[nodiscard]] bool try_other(Operation& operation) noexcept;  // than a receive
    // Handles an edge: hands the waiting operation out if its attempt completes it.
    void take_edge(Readiness readiness, std::uintptr_t flags, std::span<Operation*> into,
                   std::size_t& taken) noexcept;

    int epoll_ = -1;
    // Deadlines in nanoseconds were asked for, and the system has them. Relaxed: a thread that sees
    // it late is late once.
    std::atomic<bool> is_exact_{false};
    // an eventfd, edge-triggered and never read: each write wakes one waiting thread
    int event_ = -1;

    PostQueue posts_;  // its take() is guarded
    // calls of poll() in a row that posts alone have filled
    std::atomic<std::uint32_t> post_rounds_{0};
};

}  // namespace portico::io
