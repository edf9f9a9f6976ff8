// The operations of a completion port: accept, connect, receive, send, timer, post. Intrusive and
// owned by the caller.
//
// Life of an operation: its owner fills in the inputs, sets `completed`, and submits it to a port.
// From then until the port hands it out of wait() it belongs to the port: nobody else reads or
// writes it or the memory it names (except through CompletionPort::cancel). After wait() the owner
// has it back, with its outputs, and may submit it again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/intrusive.hpp"
#include "io/address.hpp"
#include "io/buffer_pool.hpp"
#include "io/error.hpp"
#include "io/socket.hpp"

namespace portico::io {

enum class OperationType : std::uint8_t { accept, connect, receive, send, timer, post };

class Operation : public base::Link {
public:
    // The thread that took the operation out of wait() calls this with it.
    using Handler = void (*)(Operation&);

    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    const OperationType type;
    // From the submit until wait() hands it out. Written by the submitting thread and by the thread
    // in wait().
    bool in_flight = false;
    Error error = Error::none;  // out
    // For the backends. Set by cancel() (seq_cst) before it looks for the parked operation, and
    // read (seq_cst) by a thread after it has parked the operation: one of the two sees the other.
    // Cleared by the submit.
    std::atomic<bool> cancel_requested{false};
    int native_error = 0;  // out: errno or GetLastError of the failure, 0 for none
    Handler completed = nullptr;

protected:
    explicit Operation(OperationType type_of_this) noexcept : type(type_of_this) {}
    ~Operation() { PORTICO_ASSERT(!in_flight); }

#ifdef _WIN32
public:
    // Room for this operation's OVERLAPPED (iocp/port.cpp asserts the size). The system hands out
    // the OVERLAPPED's address, which is also this struct's and so leads back to the operation.
    struct Overlapped {
        alignas(8) std::byte room[32];
        Operation* operation;
    };
    Overlapped overlapped{{}, this};
#endif
};

// Waits for one connection on a listening socket.
class AcceptOperation : public Operation {
public:
    AcceptOperation() noexcept : Operation(OperationType::accept) {}

    Socket* listener = nullptr;  // in
    // out: owned by the operation's owner from now on; invalid on error
    NativeSocket accepted = invalid_socket;
    Address peer;  // out
#ifdef _WIN32
    // The backend's.
    // two addresses of sizeof(sockaddr_in6) + 16 bytes each, as AcceptEx asks
    alignas(8) std::byte address_room[128];
    // as Socket::receive_state_ for a receive; here, since a listener has several accepts
    std::atomic<std::uintptr_t> state{0};
    std::uint32_t tries = 0;  // peers that were gone before they were accepted
#else
    // The backend's (io_uring): where the system writes the peer's address while the accept is in
    // flight; room for a sockaddr_storage.
    alignas(8) std::byte address_room[128];
    std::uint32_t address_bytes = 0;
    // io_uring: when this accept ended, more clients were waiting
    bool has_more = false;
#endif
};

class ConnectOperation : public Operation {
public:
    ConnectOperation() noexcept : Operation(OperationType::connect) {}

    Socket* socket = nullptr;  // in: open_for_connect()ed and attached
    Address remote;            // in
};

// Receives what is there, at least one byte, into a buffer of the port's pool.
class ReceiveOperation : public Operation {
public:
    ReceiveOperation() noexcept : Operation(OperationType::receive) {}

    Socket* socket = nullptr;  // in
    // Out: the buffer that the bytes are in (give_back when done); null if `bytes` is 0. The next
    // member lies in its padding: every connection has one of these.
    [[no_unique_address]] Buffer buffer;
    // Out: how many bytes came. 0 without an error is the end of the peer's stream.
    std::uint32_t bytes = 0;
};

struct ConstBuffer {
    const std::byte* data = nullptr;
    std::size_t size = 0;
};

// Sends some of the bytes named by `buffers`, in order; a success may be partial.
class SendOperation : public Operation {
public:
    // More than this in one call is a programmer's error (Wine fails above 1,024; what helps ends
    // far below).
    static constexpr std::size_t buffers_max = 64;

    SendOperation() noexcept : Operation(OperationType::send) {}

    Socket* socket = nullptr;  // in
    // in: array and bytes stay untouched until completion; at least one byte in all
    std::span<const ConstBuffer> buffers;
    // In: nothing depends on this send's success, and nobody waits for its memory. If it saves a
    // system call, a full success may complete late: when wait() has something else to hand out, or
    // is woken, or reaches its deadline. CompletionPort::expedite() and cancel() take that back.
    // The port may clear it.
    bool may_complete_late = false;
    // out: it did complete late, after the time at which it was sent
    bool completed_late = false;
    std::uint32_t bytes = 0;  // out: how many were taken by the system, at least 1 on success
};

// Completes at an instant, without error; with `aborted` if it is cancelled before.
class TimerOperation : public Operation {
public:
    TimerOperation() noexcept : Operation(OperationType::timer) {}

    std::uint64_t deadline_ns = 0;  // in: of CompletionPort::now()

    // For the port (timer_heap.hpp).
    struct {
        TimerOperation* child = nullptr;
        TimerOperation* next = nullptr;
        TimerOperation* before = nullptr;  // itself for the earliest of all; null: not in a heap
    } heap;
};

// Completes as soon as some thread waits. This is how any thread hands work to a port.
class PostOperation : public Operation {
public:
    PostOperation() noexcept : Operation(OperationType::post) {}
};

}  // namespace portico::io
