// The completion port on epoll (Linux). A socket is registered once, edge-triggered, for both
// directions; the port turns readiness into completions: an edge that meets a waiting operation
// makes the call, and the operation completes with its result.
//
// One word for each direction of a socket (Socket::receive_state_, send_state_) holds what is known
// of it:
//     0                     nothing waits, and no edge has come since the last call said "would
//                           block" or read short
//     ready                 an edge has come (or the last read filled its buffer): the next
//                           operation tries at once. Sends do so anyway, and leave it until one was
//                           partial: only who would park must not miss it
//     ended                 the peer's end, an error, or urgent data has been seen: every receive
//                           tries at once (ready is implied), until one would block
//     cancelled             cancel() did not find the operation waiting: a thread that has it in
//                           hand ends it instead of parking it (noted here and not in the
//                           operation, which may be gone as soon as it is parked)
//     an operation's address   it waits for the next edge
// All changes are compare-and-swap (acquire and release): the thread that takes an operation's
// address out owns the operation, and sees all that the parking thread wrote. So edges found by one
// thread may meet operations submitted by another (a shared port), and nothing is lost: parking
// succeeds only where nothing new is noted, and an edge that came in between has made the word
// `ready`.
#pragma once

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

private:
    // Owns its descriptors as soon as make() has them.
    EpollPort(BufferPool& buffers, const PortOptions& options) noexcept;

    // What became of an attempt.
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
    // True when the operation has completed.
    [[nodiscard]] bool begin_accept(AcceptOperation& operation) noexcept;
    [[nodiscard]] bool begin_send(SendOperation& operation) noexcept;

    // The word that an operation waits in.
    [[nodiscard]] static std::atomic<std::uintptr_t>& state_of(
        AcceptOperation& operation) noexcept {
        return operation.listener->receive_state_;
    }
    [[nodiscard]] static std::atomic<std::uintptr_t>& state_of(
        ConnectOperation& operation) noexcept {
        return operation.socket->send_state_;
    }
    [[nodiscard]] static std::atomic<std::uintptr_t>& state_of(
        ReceiveOperation& operation) noexcept {
        return operation.socket->receive_state_;
    }
    [[nodiscard]] static std::atomic<std::uintptr_t>& state_of(SendOperation& operation) noexcept {
        return operation.socket->send_state_;
    }
    [[nodiscard]] static std::atomic<std::uintptr_t>& state_of(Operation& operation) noexcept;

    // Makes the call. A send that was partial uses up the edge that announced room; the next one
    // begins with an attempt anyway.
    [[nodiscard]] Attempt attempt(AcceptOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(ConnectOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(ReceiveOperation& operation) noexcept;
    [[nodiscard]] Attempt attempt(SendOperation& operation) noexcept;
    // The pool is empty: the receive waits for a buffer, unless it was cancelled.
    [[nodiscard]] Attempt await_buffer(ReceiveOperation& operation) noexcept;

    // Tries, and parks the operation where it would block. True when it has completed; false when
    // it is not in hand any more. First use_up() flags that mean nothing after the attempt:
    // `ready`, and at the submit a `cancelled` that came too late for the one before. What comes
    // from there on is kept.
    template <class Kind>
    [[nodiscard]] bool try_or_park(Kind& operation) noexcept;
    template <class Kind>
    [[nodiscard]] bool try_again_or_park(Kind& operation) noexcept;
    static void use_up(std::atomic<std::uintptr_t>& state, std::uintptr_t flags) noexcept;
    // For an operation that was taken out of its word, or from the starved.
    [[nodiscard]] bool try_taken(Operation& operation) noexcept;
    [[nodiscard]] bool try_other(Operation& operation) noexcept;  // than a receive
    // An edge: takes the waiting operation, or leaves word that it came.
    [[nodiscard]] Operation* take_waiting(std::atomic<std::uintptr_t>& state,
                                          std::uintptr_t flags) noexcept;
    // The same, and hands the operation out if the attempt completes it.
    void take_edge(std::atomic<std::uintptr_t>& state, std::uintptr_t flags,
                   std::span<Operation*> into, std::size_t& taken) noexcept;

    int epoll_ = -1;
    bool is_exact_ = false;  // deadlines in nanoseconds were asked for, and the system can
    // an eventfd, edge-triggered and never read: each write wakes one waiting thread
    int event_ = -1;

    PostQueue posts_;  // its take() is guarded
    // calls of poll() in a row that posts alone have filled
    std::atomic<std::uint32_t> post_rounds_{0};
};

}  // namespace portico::io
