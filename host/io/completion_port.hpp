// The completion port: the contract that every backend keeps and everything above relies on.
//
//  1. An operation is submitted once and completes exactly once, out of wait(), never inside the
//     submitting call, even if the system finished it there: an inline completion goes on the
//     port's ready list. So nothing recurses, and the stack is bounded. A send may complete late if
//     its owner says so (SendOperation::may_complete_late). Only send_at_once() and
//     accept_at_once() may report that their operation is complete already; they call no handler,
//     and their caller limits how often it uses them in a row.
//  2. cancel() is a request; the operation still completes, with `aborted`, or with success if that
//     came first.
//  3. The memory of an operation, and all that it names, stays alive and untouched until it
//     completes.
//  4. At most one receive and one send are in flight for a socket.
//  5. post() may be called from any thread and wakes the port. Posts of one thread complete in
//     order.
//  6. Errors are io::Error, with the native code kept.
//  7. A received buffer of the port's pool is in use until it is given back. A receive that finds
//     the pool empty waits until a buffer is back; it does not fail.
//  8. Operations are one-shot. A backend may use multishot requests inside, but then it parks at
//     most one buffer for a connection that has no receive submitted, and stops reading; for all
//     such connections together it parks at most a quarter of the pool's buffers (except for what
//     is on its way when they stop). For connections that stream it may read ahead, into at most a
//     sixteenth of the pool's buffers for all of them together. Parked data is never lost: the next
//     wait() after the submit delivers it.
//
// Threads. A port is made for one thread (`single`) or for several (`shared`). accept, connect,
// receive, send (and the two _at_once calls), timer, cancel, expedite, attach, move, flush and wait
// belong to the port's own threads: those that call wait(), any number at once for a shared port,
// always the same one for a single port. (Before the first wait() the thread that starts the server
// may call them too. After the last operation on a socket another thread may wait for what is left,
// timers and posts.) Only post(), wake(), counters() and now() may be called from anywhere. Submit
// and cancel of one operation are never concurrent with each other.
//
// End: before its destructor every operation must have completed and every socket be closed. To end
// a port, keep calling wait() until outstanding() is 0.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "io/buffer_pool.hpp"
#include "io/operation.hpp"
#include "io/socket.hpp"

namespace portico::io {

// Counts the process's calls to the system. They show the cost of a message (a tracer would change
// the batches).
struct Counters {
    // On io_uring the waits are the only calls (except wakes and connects), and they submit as
    // well. There the next three count completions of receives, sends and accepts, and `cancels`
    // counts requests for a cancel.
    std::uint64_t waits = 0;     // epoll_wait, io_uring_enter, GetQueuedCompletionStatusEx
    std::uint64_t receives = 0;  // recv, WSARecv
    std::uint64_t sends = 0;     // send, WSASend
    std::uint64_t accepts = 0;   // accept4, AcceptEx
    std::uint64_t connects = 0;
    std::uint64_t wakes = 0;        // writes to the event, PostQueuedCompletionStatus
    std::uint64_t cancels = 0;      // CancelIoEx
    std::uint64_t completions = 0;  // operations that completed; not a call to the system

    Counters& operator+=(const Counters& other) noexcept;
};

struct PortOptions {
    bool shared = false;            // several threads wait on it
    std::uint32_t concurrency = 1;  // Windows: how many of them the system runs at once
    // Windows: a posted receive gives its buffer back after this time without data
    std::uint32_t receive_idle_ms = 1'000;
    // epoll: a wait ends within microseconds of its deadline if the system can (wait_grain_ns)
    bool exact_deadlines = false;
};

inline constexpr std::uint64_t wait_forever = UINT64_MAX;

class CompletionPort {
public:
    virtual ~CompletionPort() = default;
    CompletionPort(const CompletionPort&) = delete;
    CompletionPort& operator=(const CompletionPort&) = delete;

    // "epoll", "io_uring", "iocp", ...
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    // Attaches an open socket to this port until it is closed: a socket cannot change its port.
    [[nodiscard]] virtual base::Result<void> attach(Socket& socket) = 0;

    // The most accepts that may be in flight on one listening Socket.
    [[nodiscard]] virtual std::uint32_t accepts_max() const noexcept = 0;

    virtual void accept(AcceptOperation& operation) noexcept = 0;
    // As accept(), but returns true if the accept ended in the call itself: a client waited
    // already, or it failed. Then the operation has completed, its outputs are filled in, and
    // wait() does not hand it out. So a port that takes one accept at a time can admit several
    // clients in one turn.
    [[nodiscard]] virtual bool accept_at_once(AcceptOperation& operation) noexcept;
    virtual void connect(ConnectOperation& operation) noexcept = 0;
    virtual void receive(ReceiveOperation& operation) noexcept = 0;
    virtual void send(SendOperation& operation) noexcept = 0;
    // As send(), but returns true if the send ended in the call itself: the system took bytes, or
    // it failed. Then the operation has completed, its outputs are filled in, and wait() does not
    // hand it out. So the usual send does not go through the ready list.
    [[nodiscard]] virtual bool send_at_once(SendOperation& operation) noexcept;
    virtual void timer(TimerOperation& operation) noexcept = 0;
    virtual void post(PostOperation& operation) noexcept = 0;

    // Asks an accept, connect, receive, send or timer to end early. Its owner has submitted it and
    // not yet got it back. If wait() has already handed it out, in the same batch or to another
    // thread, nothing happens. If another thread of a shared port is just handling it, it may or
    // may not end early. Not for posts.
    virtual void cancel(Operation& operation) noexcept = 0;

    // True if the port receives bytes before anybody asks for them. Then Socket::unread_bytes() is
    // not all that has arrived.
    [[nodiscard]] virtual bool reads_ahead() const noexcept { return false; }

    // True if sends may complete late here. If not, the caller need not find out which ones may.
    [[nodiscard]] bool completes_late() const noexcept { return completes_late_; }

    // Takes back the may_complete_late of a send that has not come back: the next wait() ends when
    // it has been sent. Does nothing for others.
    virtual void expedite(SendOperation& operation) noexcept { static_cast<void>(operation); }

    // True if submitted operations reach the system only in the next wait(). flush() hands them
    // over at once.
    [[nodiscard]] virtual bool submits_in_wait() const noexcept { return false; }
    virtual void flush() noexcept {}

    // Detaches a socket and closes it. None of its operations may be in flight.
    virtual void close(Socket& socket) noexcept = 0;

    // Moves the handle of an attached socket to `to`, which is not open: it is attached in the
    // place of `from`, which is not open afterwards. No operation may be in flight for `from`, and
    // none but a connect was submitted for it.
    virtual void move(Socket& from, Socket& to) noexcept = 0;

    // Hands out up to completed.size() (at least 1) finished operations; waits for the first until
    // now() reaches `deadline_ns` (0: only looks, and on a shared port may leave the look to a
    // thread that waits already; wait_forever). May return 0 early. Each operation handed out has
    // in_flight == false; the caller calls operation.completed(operation).
    [[nodiscard]] virtual std::size_t wait(std::span<Operation*> completed,
                                           std::uint64_t deadline_ns) noexcept = 0;

    // The time by which a wait() may exceed its deadline because the system counts in coarser
    // steps; 0 if it does not.
    [[nodiscard]] virtual std::uint64_t wait_grain_ns() const noexcept {
        return base::nanoseconds_per_millisecond;
    }

    // From now on waits end within microseconds of their deadline, if the system can. On a thread
    // of the port; for a port that was made without PortOptions::exact_deadlines and gets an owner
    // that needs them. Does nothing on a port whose waits are exact, or never can be.
    virtual void ask_for_exact_deadlines() noexcept {}

    // Makes one waiting thread return early, or the next wait() if none waits: there is work that
    // the port does not know of. From any thread.
    virtual void wake() noexcept = 0;

    // The number of operations that are submitted and not yet handed out. Exact when nobody else
    // uses the port.
    [[nodiscard]] virtual std::size_t outstanding() const noexcept = 0;

    [[nodiscard]] virtual Counters counters() const noexcept = 0;

    // The port's clock: monotonic nanoseconds.
    [[nodiscard]] virtual std::uint64_t now() const noexcept { return base::now_ns(); }

    [[nodiscard]] BufferPool& buffers() noexcept { return *buffers_; }

protected:
    // The pool must outlive the port. Several ports may share one.
    explicit CompletionPort(BufferPool& buffers, bool completes_late = false) noexcept
        : buffers_(&buffers), completes_late_(completes_late) {}

private:
    BufferPool* buffers_;
    const bool completes_late_;
};

// `automatic` is a wish, which choose_backend() turns into one of the others.
enum class Backend : std::uint8_t { automatic, epoll, io_uring, iocp };

// The one that every system of this kind has.
#ifdef _WIN32
inline constexpr Backend standard_backend = Backend::iocp;
#else
inline constexpr Backend standard_backend = Backend::epoll;
#endif

// "auto", "epoll", "io_uring", "iocp": nothing for an unknown name.
[[nodiscard]] std::optional<Backend> backend_from_name(std::string_view name) noexcept;

// Finds out whether this program can use io_uring on this system. Returns which of the features
// that the backend would use are missing ("" for none), or an error with the reason why it cannot
// be used at all.
[[nodiscard]] base::Result<std::string> probe_io_uring();

struct BackendChoice {
    Backend backend = standard_backend;  // never `automatic`
    std::string reason;                  // for the log; empty if there is nothing to say
    bool is_second_best = false;         // another one was asked for by name
};
// The backend of a server that asks for `wanted`. io_uring is chosen on its own only if the system
// has all that it would use, and no port is shared (a ring belongs to one thread).
[[nodiscard]] BackendChoice choose_backend(Backend wanted, bool shares_port);

// Makes a port, of any backend but `automatic`. Fails with a sentence if this system does not
// have the backend, or refuses.
[[nodiscard]] base::Result<std::unique_ptr<CompletionPort>> make_port(Backend backend,
                                                                      BufferPool& buffers,
                                                                      const PortOptions& options);

}  // namespace portico::io
