// The completion port on io_uring (Linux): one ring, used by one thread. Submitting only fills in
// entries; the wait hands them over and fetches completions in one call, io_uring_enter.
//
// The thread. A ring takes submissions from one thread alone, the first that waits
// (IORING_SETUP_SINGLE_ISSUER); what is submitted before, by the thread that starts a server, waits
// in early_. post() and wake() write to an eventfd that the ring polls. A wait of another thread,
// after the first has ended and with no request left in the ring, still hands out posts and timers.
//
// A receive request belongs to its socket, not to the operation that waits for it: a multishot
// request outlives operations. The socket has two words (uring/state.hpp): one says who waits and
// what is in the ring, the other what came while nobody waited.
//
// Rule 8. A multishot receive takes pieces of half a buffer and ends when half a buffer has come in
// all (the kernel counts), so the bytes that come while no operation waits fit into one buffer, and
// no more are read from the peer. Kernels that cannot count get a request for each receive: they
// would fill buffers for a paused connection without end. If pieces are that large, the next
// receive gets a request of its own and a whole buffer.
//
// Parked buffers. A request that stays armed takes a buffer for the next bytes although nobody
// reads them. Over all connections a quarter of the pool's buffers may be parked, so that
// connections whose plugins hold or pause never starve the others (bound_parked).
//
// Reading ahead. If a whole buffer has come and there is more, the next request is a multishot one
// for several buffers: otherwise a stream would cost a call for each. Its completions stay in the
// ring until the receive is submitted again; those that come to the head of the ring before that
// are kept in ahead_. All connections together may have a share of the pool there, which is
// reserved when the request is made.
//
// Quiet sends. One call can submit what a round of callbacks sends and wait for the next round,
// unless the sends complete in the submit and so end the wait. A send that may complete late
// (SendOperation::may_complete_late) asks the kernel to be silent about success, and not to wait:
// it fails in the submit, or it has sent all. So when the call comes back, those in quiet_ that
// have no completion in the ring have succeeded (complete_quiet_sends). A wait that submits some
// ends after 20 ms, so that an idle port keeps no memory for them.
//
// Accepts. Each request accepts one connection, and several are in the ring at once. A multishot
// accept cannot bring the peer's address along, and if several ports share a backlog it would drain
// all of it to the port that the kernel wakes first.
//
// Closing. A request holds its file open, so close() first cancels one that is still armed and
// fetches completions until its last one.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <thread>
#include <vector>

#include "io/port_base.hpp"
#include "io/post_queue.hpp"
#include "io/uring/buffers.hpp"
#include "io/uring/features.hpp"
#include "io/uring/ring.hpp"
#include "io/uring/room_watch.hpp"

namespace portico::io {

namespace uring {
struct Kept;
}

class UringPort final : public PortBase {
public:
    // Fails for a shared port, and if the system has no io_uring or forbids it. `allowed`: for
    // tests of the next best ways.
    [[nodiscard]] static base::Result<std::unique_ptr<CompletionPort>> make(
        BufferPool& buffers, const PortOptions& options, const UringFeatures& allowed = {});
    ~UringPort() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
    [[nodiscard]] base::Result<void> attach(Socket& socket) override;
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override { return 16; }

    void accept(AcceptOperation& operation) noexcept override;
    [[nodiscard]] bool accept_at_once(AcceptOperation& operation) noexcept override;
    void connect(ConnectOperation& operation) noexcept override;
    void receive(ReceiveOperation& operation) noexcept override;
    void send(SendOperation& operation) noexcept override;
    void post(PostOperation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void expedite(SendOperation& operation) noexcept override;
    [[nodiscard]] bool submits_in_wait() const noexcept override { return true; }
    [[nodiscard]] bool reads_ahead() const noexcept override { return true; }
    void flush() noexcept override;
    void close(Socket& socket) noexcept override;
    void move(Socket& from, Socket& to) noexcept override;

    [[nodiscard]] const UringFeatures& features() const noexcept { return features_; }

private:
    // Bytes that were read ahead for a connection, after those that its own word keeps.
    struct Ahead {
        Socket* socket;
        std::uint32_t index;  // of the buffer
        std::uint32_t bytes;
    };

    UringPort(BufferPool& buffers, const UringFeatures& features);
    [[nodiscard]] base::Result<void> open();

    std::size_t poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept override;
    void retry_starved() noexcept override;
    void interrupt_poll() noexcept override;
    [[nodiscard]] bool has_more() const noexcept override { return posts_.has_rest(); }

    // ---- the thread and its ring

    [[nodiscard]] bool is_ring_thread() const noexcept;
    // The same; the first thread that asks makes the ring its own.
    [[nodiscard]] bool bind() noexcept;
    // poll() on any other thread.
    std::size_t poll_elsewhere(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept;
    // While there are completions: true if prepared requests must be submitted before they are
    // handed out.
    [[nodiscard]] bool must_submit() noexcept;
    // io_uring_enter: submits all, and waits for a completion until the deadline (0: does not).
    void enter(std::uint64_t deadline_ns) noexcept;
    // After enter(): completes the quiet sends that were submitted and whose failure is not in the
    // ring. They have succeeded.
    void complete_quiet_sends() noexcept;
    [[nodiscard]] std::size_t take_completed_quiet(std::span<Operation*> into) noexcept;
    // A submission entry to fill in.
    [[nodiscard]] io_uring_sqe& entry() noexcept;
    void watch_event() noexcept;
    void watch_room() noexcept;
    std::size_t take_posted(std::span<Operation*> into) noexcept;

    // ---- requests

    // Prepares an operation's request, or leaves that to the first wait.
    void request(Operation& operation) noexcept;
    void prepare(Operation& operation) noexcept;
    void prepare_accept(AcceptOperation& operation) noexcept;
    void prepare_connect(ConnectOperation& operation) noexcept;
    void prepare_receive(ReceiveOperation& operation) noexcept;
    void prepare_send(SendOperation& operation) noexcept;
    // Makes the send wait for room outside of the ring. Returns it if that failed.
    [[nodiscard]] Operation* await_room(SendOperation& operation) noexcept;
    void resume_sends() noexcept;
    void prepare_cancel(std::uint64_t request) noexcept;
    // Cancels a connection's receive request, once.
    void stop(Socket& socket) noexcept;
    // The bytes that a multishot receive takes at a time, and in all.
    [[nodiscard]] std::uint32_t piece_bytes() noexcept { return buffers().buffer_bytes() / 2; }

    // ---- completions: each returns the operation that it completes, or null

    // Takes completions from the ring until one completes an operation; null if none does.
    // `leaves_early`: stops at bytes that were read ahead and that nobody waits for, because
    // somebody may wait for them once the operations handed out have been handled.
    [[nodiscard]] Operation* fetch(bool leaves_early) noexcept;
    [[nodiscard]] static bool is_early(const UringRing::Completion& completion) noexcept;
    [[nodiscard]] Operation* completed(const UringRing::Completion& completion) noexcept;
    [[nodiscard]] Operation* completed_of(Socket& socket,
                                          const UringRing::Completion& completion) noexcept;
    // Accepts a client that waits already. False with errno set.
    [[nodiscard]] bool take_client(AcceptOperation& operation) noexcept;
    [[nodiscard]] Operation* accepted(AcceptOperation& operation,
                                      const UringRing::Completion& completion) noexcept;
    [[nodiscard]] Operation* received(Socket& socket, const UringRing::Completion& completion,
                                      Buffer buffer) noexcept;
    [[nodiscard]] Operation* readable(Socket& socket) noexcept;
    [[nodiscard]] Operation* connected(ConnectOperation& operation, int result) noexcept;
    [[nodiscard]] Operation* sent(SendOperation& operation, int result) noexcept;
    // For a quiet send that has not sent all.
    [[nodiscard]] Operation* not_all_sent(SendOperation& operation, int result) noexcept;
    // A connection's receive has ended by an error. The waiting operation ends too, or waits on
    // (for a new request, or for a buffer).
    [[nodiscard]] Operation* failed(Socket& socket, int error) noexcept;
    void keep(Socket& socket, Buffer buffer, std::uint32_t bytes) noexcept;
    // A receive was handed out, and the connection's request is still in the ring.
    void leave_armed(Socket& socket) noexcept;
    void bound_parked() noexcept;
    // The oldest bytes that were kept of the socket have been handed out: the next ones take their
    // place.
    void keep_next(const Socket& socket, uring::Kept& kept) noexcept;

    const UringFeatures features_;
    // multishot receives are used: the kernel counts, and half a buffer is worth a request
    const bool limits_receives_;
    UringRing ring_;
    int event_ = -1;  // an eventfd
    UringRoomWatch room_watch_;
    std::unique_ptr<UringBuffers> ready_buffers_;
    // one for each submission entry: the kernel reads it when it takes the entry
    std::vector<msghdr> messages_;
    std::thread::id thread_;
    bool is_orphan_ = false;  // the ring's thread has ended

    PostQueue posts_;
    std::uint32_t post_rounds_ = 0;  // calls of poll() in a row that posts alone have filled
    base::Fifo<Operation> early_;    // submitted before the first wait
    // quiet sends that are prepared; `bytes` is what they name
    base::Fifo<SendOperation> quiet_;
    base::Fifo<SendOperation> completed_quiet_;  // succeeded, not yet handed out
    // a send in quiet_ was expedited: the call that submits it does not wait
    bool expedites_ = false;
    std::uint32_t armed_receives_ = 0;
    std::vector<Ahead> ahead_;  // oldest first; has room for all that there may be
    const std::uint32_t ahead_max_;
    std::uint32_t ahead_reserved_ = 0;  // by the requests in the ring
    static constexpr std::size_t left_armed_max = 256;
    std::vector<Socket*> left_armed_;  // since the last poll(); has room for them
    const std::uint32_t parked_max_;
    // connections with Kept::may_park: each holds a buffer, or may come to hold one
    std::uint32_t parked_ = 0;
    // since when requests wait for the rest of the completions; 0: none wait
    std::uint64_t put_off_since_ns_ = 0;
    std::size_t requests_ = 0;  // in the ring, except the eventfd's and cancels
};

}  // namespace portico::io
