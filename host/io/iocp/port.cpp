#include "io/iocp/port.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

namespace portico::io {

namespace {

static_assert(sizeof(OVERLAPPED) <= sizeof(Operation::Overlapped::room));
static_assert(alignof(OVERLAPPED) <= alignof(Operation::Overlapped));
static_assert(offsetof(Operation::Overlapped, room) == 0);

// Flags in a state word, beside an operation's address.
constexpr std::uintptr_t held = 1;
constexpr std::uintptr_t gone = 2;
constexpr std::uintptr_t flag_mask = held | gone;
static_assert(alignof(Operation) > flag_mask);

// Completion keys: what a packet means. A post carries its operation where the others carry an
// OVERLAPPED.
constexpr ULONG_PTR key_of_io = 0;
constexpr ULONG_PTR key_of_post = 1;
constexpr ULONG_PTR key_of_wake = 2;

constexpr std::size_t packets_max = 64;

// No wait is longer. What it is for: a post or a wake whose packet was refused, while every thread
// waits, is late by this at most.
constexpr DWORD wait_max_ms = 5'000;
// With a post that was refused, or with starved receives.
constexpr DWORD retry_wait_ms = StarvedReceives::wait_max_ns / base::nanoseconds_per_millisecond;

// Peers that reset while they waited in the backlog, for one accept, until it is reported instead
// of armed again.
constexpr std::uint32_t accept_tries_max = 64;

// The room that AcceptEx wants for each of the two addresses: 16 bytes more than the longest.
constexpr DWORD accept_address_bytes = sizeof(sockaddr_in6) + 16;
static_assert(2 * accept_address_bytes <= sizeof(AcceptOperation::address_room));

// The most bytes of one send: WSABUF and the count of a packet have 32 bits.
constexpr std::size_t send_bytes_max = std::size_t{1} << 30;

// Each call gets a fresh one: the system wants it zeroed, and the last packet of the operation has
// been taken.
OVERLAPPED* fresh_overlapped(Operation& operation) noexcept {
    return ::new (static_cast<void*>(operation.overlapped.room)) OVERLAPPED{};
}

OVERLAPPED* overlapped_of(Operation& operation) noexcept {
    return std::launder(reinterpret_cast<OVERLAPPED*>(operation.overlapped.room));
}

Operation& operation_of(OVERLAPPED* overlapped) noexcept {
    return *reinterpret_cast<Operation::Overlapped*>(overlapped)->operation;
}

NativeSocket native_of(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::accept:
            return static_cast<AcceptOperation&>(operation).listener->native();
        case OperationType::connect:
            return static_cast<ConnectOperation&>(operation).socket->native();
        case OperationType::receive:
            return static_cast<ReceiveOperation&>(operation).socket->native();
        case OperationType::send: return static_cast<SendOperation&>(operation).socket->native();
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a socket");
    std::abort();
}

// The code of a dequeued operation. The documented way from OVERLAPPED::Internal, an NTSTATUS (0 is
// success), to an error code of Winsock is this call; it touches only the OVERLAPPED, and its
// socket is open, as operations of it are in flight.
int code_of(Operation& operation) noexcept {
    OVERLAPPED* overlapped = overlapped_of(operation);
    if (overlapped->Internal == 0) {
        return 0;
    }
    DWORD bytes = 0;
    DWORD flags = 0;
    return ::WSAGetOverlappedResult(native_of(operation), overlapped, &bytes, FALSE, &flags)
               ? 0
               : ::WSAGetLastError();
}

bool is_abort(int code) noexcept {
    return error_of(code) == Error::aborted;
}

// The end of one connection in the backlog, which says nothing about the listener. Windows: mostly
// 64 or WSAECONNRESET; Wine: 59.
bool is_end_of_a_peer(int code) noexcept {
    return error_of(code) == Error::reset || error_of(code) == Error::timed_out ||
           code == ERROR_UNEXP_NET_ERR || code == WSAENOTCONN;
}

// A packet has come for the operation, or its call came to an end without one. True: it is in hand.
// False: another thread holds it, and carries on with it.
bool claim(std::atomic<std::uintptr_t>& state, Operation& operation) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&operation);
    std::uintptr_t word = address;
    for (;;) {
        // Release, for the holder's acquire: it goes on with the result noted by this thread.
        const std::uintptr_t wanted = word == address ? 0 : address | held | gone;
        if (state.compare_exchange_weak(word, wanted, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
            return wanted == 0;
        }
        PORTICO_ASSERT(word == address || word == (address | held));
    }
}

// The holder lets go. False: the packet has come meanwhile, and the operation is in the hand of
// this thread now.
bool release(std::atomic<std::uintptr_t>& state, Operation& operation) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&operation);
    std::uintptr_t word = address | held;
    if (state.compare_exchange_strong(word, address, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return true;
    }
    PORTICO_ASSERT(word == (address | held | gone));
    state.store(0, std::memory_order_relaxed);
    return false;
}

}  // namespace

// ---- the port

bool IocpPort::fetch_extensions(int family, Extensions& extensions) noexcept {
    const SOCKET probe = ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (probe == INVALID_SOCKET) {
        return false;
    }
    const auto fetch = [&](GUID id, auto& function) {
        DWORD size = 0;
        return ::WSAIoctl(probe, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function,
                          sizeof function, &size, nullptr, nullptr) == 0;
    };
    const bool all = fetch(WSAID_ACCEPTEX, extensions.accept) &&
                     fetch(WSAID_CONNECTEX, extensions.connect) &&
                     fetch(WSAID_GETACCEPTEXSOCKADDRS, extensions.accepted_addresses);
    const int code = ::WSAGetLastError();
    ::closesocket(probe);
    ::WSASetLastError(code);
    return all;
}

const IocpPort::Extensions& IocpPort::extensions(Address::Family family) const noexcept {
    return family == Address::Family::v6 ? v6_ : v4_;
}

base::Result<std::unique_ptr<CompletionPort>> IocpPort::make(BufferPool& buffers,
                                                             const PortOptions& options) {
    ensure_sockets_started();
    Extensions v4;
    Extensions v6;
    for (const bool is_v6 : {false, true}) {
        // A machine may lack one of the two families; then there is no socket of it either.
        if (!fetch_extensions(is_v6 ? AF_INET6 : AF_INET, is_v6 ? v6 : v4) &&
            ::WSAGetLastError() != WSAEAFNOSUPPORT) {
            return base::Failure{"cannot use sockets: " + native_error_text(::WSAGetLastError())};
        }
    }
    std::unique_ptr<IocpPort> port(new IocpPort(buffers, options, v4, v6));
    port->port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0,
                                           options.shared ? options.concurrency : 1);
    if (port->port_ == nullptr) {
        return base::Failure{"cannot make a completion port: " +
                             native_error_text(static_cast<int>(::GetLastError()))};
    }
    return std::unique_ptr<CompletionPort>(std::move(port));
}

IocpPort::IocpPort(BufferPool& buffers, const PortOptions& options, const Extensions& v4,
                   const Extensions& v6) noexcept
    : PortBase(buffers, options.shared),
      v4_(v4),
      v6_(v6),
      receive_idle_ms_(std::max<std::uint32_t>(options.receive_idle_ms, 1)),
      sweep_interval_ms_(std::max<std::uint64_t>(receive_idle_ms_ / 2, 1)) {}

IocpPort::~IocpPort() {
    if (port_ != nullptr) {
        ::CloseHandle(port_);
    }
}

base::Result<void> IocpPort::attach(Socket& socket) {
    PORTICO_ASSERT(socket.is_open());
    const auto handle = reinterpret_cast<HANDLE>(socket.native_);
    if (::CreateIoCompletionPort(handle, port_, key_of_io, 0) == nullptr) {
        return base::Failure{"cannot join a socket to the completion port: " +
                             native_error_text(static_cast<int>(::GetLastError()))};
    }
    // Only where the handle is the system's own: a layered provider that wraps handles loses such
    // completions (KB 2568167).
    WSAPROTOCOL_INFOW provider{};
    int size = sizeof provider;
    socket.skips_packets_ = ::getsockopt(socket.native_, SOL_SOCKET, SO_PROTOCOL_INFOW,
                                         reinterpret_cast<char*>(&provider), &size) == 0 &&
                            (provider.dwServiceFlags1 & XP1_IFS_HANDLES) != 0 &&
                            ::SetFileCompletionNotificationModes(
                                handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                            FILE_SKIP_SET_EVENT_ON_HANDLE) != FALSE;
    socket.last_data_ms_ = ::GetTickCount64();
    if (!socket.is_listener_) {
        sockets_.add(socket);
    }
    return {};
}

void IocpPort::close(Socket& socket) noexcept {
    PORTICO_ASSERT(socket.receive_state_.load(std::memory_order_acquire) == 0);
    socket.close();  // leaves sockets_, and the port with its handle
}

// ---- submitting
//
// A call that has returned "pending" may have completed on another thread before it returned, and
// its operation may be anywhere: from there on only what was copied before is used. (Where `held`
// is set the operation cannot have gone: drive().)

void IocpPort::accept(AcceptOperation& operation) noexcept {
    start(operation);
    operation.accepted = invalid_socket;
    operation.tries = 0;
    if (drive(operation, Next::call, By::submit)) {
        make_ready(operation);
    }
}

void IocpPort::receive(ReceiveOperation& operation) noexcept {
    start(operation);
    operation.bytes = 0;
    operation.buffer = {};
    // Receives that only wait never hold the pool's second half: it is for those that have data.
    if (operation.socket->receives_often_ && buffers().on_loan() < buffers().buffers_max() / 2) {
        operation.buffer = buffers().take();  // none: then it waits without
    }
    if (drive(operation, Next::call, By::submit)) {
        make_ready(operation);
    }
}

void IocpPort::connect(ConnectOperation& operation) noexcept {
    start(operation);
    count(connects_);
    sockaddr_storage name;
    const socklen_t size = to_native(operation.remote, name);
    const bool skips = operation.socket->skips_packets_;
    const LPFN_CONNECTEX connect_ex = extensions(operation.remote.family).connect;
    if (connect_ex == nullptr) {  // no provider for this family on this machine
        make_ready(operation, error_of(WSAENETUNREACH), WSAENETUNREACH);
        return;
    }
    if (connect_ex(operation.socket->native_, reinterpret_cast<sockaddr*>(&name), size, nullptr, 0,
                   nullptr, fresh_overlapped(operation))) {
        if (skips) {
            digest(operation);
            make_ready(operation);
        }
        return;
    }
    const int code = ::WSAGetLastError();
    if (code != ERROR_IO_PENDING) {
        make_ready(operation, error_of(code), code);
    }
}

void IocpPort::send(SendOperation& operation) noexcept {
    if (begin_send(operation)) {
        make_ready(operation);
    }
}

bool IocpPort::send_at_once(SendOperation& operation) noexcept {
    if (!begin_send(operation)) {
        return false;
    }
    finish_at_once(operation);
    return true;
}

bool IocpPort::begin_send(SendOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= SendOperation::buffers_max);
    start(operation);
    operation.bytes = 0;
    // the provider copies the array before the call returns
    WSABUF parts[SendOperation::buffers_max];
    DWORD count_of_parts = 0;
    std::size_t left = send_bytes_max;
    for (const ConstBuffer& buffer : operation.buffers) {
        const std::size_t size = std::min(buffer.size, left);
        parts[count_of_parts].buf = reinterpret_cast<char*>(const_cast<std::byte*>(buffer.data));
        parts[count_of_parts].len = static_cast<ULONG>(size);
        ++count_of_parts;
        left -= size;
        if (left == 0) {
            break;
        }
    }
    const bool skips = operation.socket->skips_packets_;
    count(sends_);
    DWORD sent = 0;
    if (::WSASend(operation.socket->native_, parts, count_of_parts, &sent, 0,
                  fresh_overlapped(operation), nullptr) == 0) {
        if (!skips) {
            return false;  // a packet comes
        }
        digest(operation, sent);
        return true;
    }
    const int code = ::WSAGetLastError();
    if (code == WSA_IO_PENDING) {
        return false;
    }
    operation.error = error_of(code);
    operation.native_error = code;
    return true;
}

void IocpPort::post(PostOperation& operation) noexcept {
    start_post(operation);
    // While late posts wait, later ones queue behind them: so those of one thread keep their order.
    // (A thread sees its own change of the count at least; between threads there is no order to
    // keep.)
    if (late_posts_count_.load(std::memory_order_relaxed) == 0 && queue_post(operation)) {
        return;
    }
    {
        const std::scoped_lock lock(late_mutex_);
        late_posts_.push_back(operation);
        late_posts_count_.store(late_posts_count_.load(std::memory_order_relaxed) + 1,
                                std::memory_order_relaxed);
    }
    queue_late_posts();
}

bool IocpPort::queue_post(Operation& operation) noexcept {
    wakes_.fetch_add(1, std::memory_order_relaxed);
    // The packet carries the address only: there is no OVERLAPPED in it, and need not be
    // (PostQueuedCompletionStatus).
    return ::PostQueuedCompletionStatus(port_, 0, key_of_post,
                                        reinterpret_cast<OVERLAPPED*>(&operation.overlapped)) !=
           FALSE;
}

// Tries again, oldest first. Those that are refused again are tried at the next poll() or post().
void IocpPort::queue_late_posts() noexcept {
    const std::scoped_lock lock(late_mutex_);
    for (;;) {
        if (first_late_post_ == nullptr) {
            first_late_post_ = late_posts_.pop_front();
        }
        if (first_late_post_ == nullptr || !queue_post(*first_late_post_)) {
            return;
        }
        first_late_post_ = nullptr;
        late_posts_count_.store(late_posts_count_.load(std::memory_order_relaxed) - 1,
                                std::memory_order_relaxed);
    }
}

void IocpPort::interrupt_poll() noexcept {
    // Fails only for want of memory, and then the waits end by themselves (wait_max_ms).
    ::PostQueuedCompletionStatus(port_, 0, key_of_wake, nullptr);
}

bool IocpPort::has_more() const noexcept {
    return late_posts_count_.load(std::memory_order_relaxed) != 0;
}

void IocpPort::cancel_in_system(NativeSocket native, Operation& operation) noexcept {
    count(cancels_);
    // ERROR_NOT_FOUND: its packet is on the way, or no call has been made yet.
    ::CancelIoEx(reinterpret_cast<HANDLE>(native), overlapped_of(operation));
}

// The request is noted first (seq_cst), then the system is asked. A thread that has the operation
// in hand makes its call first and then reads the note. The system's own lock orders the call and
// the CancelIoEx: either this one finds the call, or that thread comes later and sees the note, and
// cancels itself. The same with the list of the starved, under the port's lock.
void IocpPort::cancel(Operation& operation) noexcept {
    if (operation.type == OperationType::timer) {
        cancel_timer(static_cast<TimerOperation&>(operation));
        return;
    }
    PORTICO_ASSERT(operation.type != OperationType::post);
    operation.cancel_requested.store(true, std::memory_order_seq_cst);
    if (operation.type == OperationType::receive && cancel_starved(operation)) {
        make_ready(operation, Error::aborted, ERROR_OPERATION_ABORTED);
        return;
    }
    cancel_in_system(native_of(operation), operation);
}

// ---- accepts and receives, step by step

template <class WaitingOperation>
bool IocpPort::drive(WaitingOperation& operation, Next next, By by) noexcept {
    std::atomic<std::uintptr_t>& state = state_of(operation);
    const auto address = reinterpret_cast<std::uintptr_t>(&operation);
    const NativeSocket native = native_of(operation);
    while (next != Next::nothing) {
        if constexpr (std::is_same_v<WaitingOperation, ReceiveOperation>) {
            if (next == Next::buffer_call) {
                const Buffered buffered = take_buffer(operation);
                if (buffered != Buffered::taken) {
                    return buffered == Buffered::cancelled;
                }
            }
            operation.socket->buffer_posted_ms_.store(
                operation.buffer.data != nullptr ? ::GetTickCount64() : 0,
                std::memory_order_relaxed);
        }
        // Inside a submit nobody can cancel, so nothing needs a look behind the call; but the sweep
        // of another thread may hold it. On a single port neither is there.
        const bool hold = by == By::wait && shared();
        PORTICO_ASSERT(state.load(std::memory_order_relaxed) == 0);
        state.store(hold ? address | held : address, std::memory_order_release);
        const Called called = call(operation);
        if (!hold) {
            if (called == Called::pending || !claim(state, operation)) {
                return false;
            }
        } else if (called == Called::finished) {
            state.store(0, std::memory_order_relaxed);
        } else {
            // pairs with cancel()
            if (operation.cancel_requested.load(std::memory_order_seq_cst)) {
                cancel_in_system(native, operation);
            }
            if (release(state, operation)) {
                return false;
            }
        }
        next = digest(operation);
    }
    return true;
}

bool IocpPort::carry_on(Operation& operation) noexcept {
    if (operation.type == OperationType::accept) {
        auto& accept = static_cast<AcceptOperation&>(operation);
        return drive(accept, digest(accept), By::wait);
    }
    auto& receive = static_cast<ReceiveOperation&>(operation);
    return drive(receive, digest(receive), By::wait);
}

IocpPort::Called IocpPort::call(AcceptOperation& operation) noexcept {
    const Address::Family family = operation.listener->listener_family_;
    operation.accepted = ::WSASocketW(family == Address::Family::v6 ? AF_INET6 : AF_INET,
                                      SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (operation.accepted == invalid_socket) {
        operation.native_error = ::WSAGetLastError();
        return Called::finished;
    }
    const bool skips = operation.listener->skips_packets_;
    count(accepts_);
    DWORD received = 0;
    // No data is waited for: else a silent client would occupy the accept.
    if (extensions(family).accept(operation.listener->native_, operation.accepted,
                                  operation.address_room, 0, accept_address_bytes,
                                  accept_address_bytes, &received, fresh_overlapped(operation))) {
        if (!skips) {
            return Called::pending;
        }
        operation.native_error = 0;
        return Called::finished;
    }
    const int code = ::WSAGetLastError();
    if (code == ERROR_IO_PENDING) {
        return Called::pending;
    }
    operation.native_error = code;
    return Called::finished;
}

IocpPort::Next IocpPort::digest(AcceptOperation& operation) noexcept {
    int code = operation.native_error;
    if (code == 0) {
        // Without this the new socket has no peer's address and cannot be shut down. (Wine does not
        // notice when it is forgotten.)
        const SOCKET listener = operation.listener->native_;
        if (::setsockopt(operation.accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                         reinterpret_cast<const char*>(&listener), sizeof listener) == 0) {
            operation.listener->set_accepted_timeouts(operation.accepted);
            sockaddr* local = nullptr;
            sockaddr* peer = nullptr;
            int local_size = 0;
            int peer_size = 0;
            extensions(operation.listener->listener_family_)
                .accepted_addresses(operation.address_room, 0, accept_address_bytes,
                                    accept_address_bytes, &local, &local_size, &peer, &peer_size);
            sockaddr_storage name{};
            std::copy_n(reinterpret_cast<const char*>(peer),
                        std::min<std::size_t>(static_cast<std::size_t>(peer_size), sizeof name),
                        reinterpret_cast<char*>(&name));
            operation.peer = from_native(name);
            return Next::nothing;
        }
        code = ::WSAGetLastError();
    }
    if (operation.accepted != invalid_socket) {
        close_native(operation.accepted);
        operation.accepted = invalid_socket;
    }
    if (is_end_of_a_peer(code)) {
        if (operation.cancel_requested.load(std::memory_order_seq_cst)) {
            code = ERROR_OPERATION_ABORTED;
        } else if (++operation.tries < accept_tries_max) {
            operation.native_error = 0;
            return Next::call;
        }
    }
    operation.error = is_end_of_a_peer(code) ? Error::other : error_of(code);
    operation.native_error = code;
    return Next::nothing;
}

IocpPort::Called IocpPort::call(ReceiveOperation& operation) noexcept {
    Socket& socket = *operation.socket;
    const bool with_buffer = operation.buffer.data != nullptr;
    WSABUF part{};
    if (with_buffer) {
        part.buf = reinterpret_cast<char*>(operation.buffer.data);
        part.len = buffers().buffer_bytes();
        count(buffers_posted_);
    }
    const bool skips = socket.skips_packets_;
    count(receives_);
    DWORD received = 0;
    DWORD flags = 0;
    if (::WSARecv(socket.native_, &part, 1, &received, &flags, fresh_overlapped(operation),
                  nullptr) == 0) {
        if (!skips) {
            return Called::pending;
        }
        operation.native_error = 0;
        operation.bytes = received;
        return Called::finished;
    }
    const int code = ::WSAGetLastError();
    if (code == WSA_IO_PENDING) {
        return Called::pending;
    }
    operation.native_error = code;
    operation.bytes = 0;
    return Called::finished;
}

IocpPort::Next IocpPort::digest(ReceiveOperation& operation) noexcept {
    Socket& socket = *operation.socket;
    const int code = operation.native_error;
    const bool with_buffer = operation.buffer.data != nullptr;
    if (with_buffer) {
        count(buffers_returned_);
    }
    if (code == 0 && with_buffer && operation.bytes != 0) {
        const std::uint64_t instant_ms = ::GetTickCount64();
        socket.receives_often_ = instant_ms - socket.last_data_ms_ < receive_idle_ms_;
        socket.last_data_ms_ = instant_ms;
        return Next::nothing;
    }
    if (with_buffer) {
        buffers().give_back(operation.buffer);
        operation.buffer = {};
    }
    operation.bytes = 0;
    if (code == 0 && with_buffer) {
        // The peer's end. Differs under Wine: a reset that came while nothing was pending looks the
        // same.
        return Next::nothing;
    }
    if (code == 0 && !operation.cancel_requested.load(std::memory_order_seq_cst)) {
        return Next::buffer_call;
    }
    if (is_abort(code) && !operation.cancel_requested.load(std::memory_order_seq_cst)) {
        // the sweep's doing, not the owner's: it waits on without a buffer
        socket.receives_often_ = false;
        return Next::call;
    }
    operation.native_error = code == 0 ? ERROR_OPERATION_ABORTED : code;
    operation.error = error_of(operation.native_error);
    return Next::nothing;
}

void IocpPort::digest(ConnectOperation& operation) noexcept {
    if (operation.native_error == 0 && ::setsockopt(operation.socket->native_, SOL_SOCKET,
                                                    SO_UPDATE_CONNECT_CONTEXT, nullptr, 0) != 0) {
        operation.native_error = ::WSAGetLastError();
    }
    operation.error = error_of(operation.native_error);
}

void IocpPort::digest(SendOperation& operation, std::uint32_t bytes) noexcept {
    operation.error = error_of(operation.native_error);
    // A cancelled send may have sent a part; nothing useful is left to do with such a connection.
    operation.bytes = operation.error == Error::none ? bytes : 0;
    operation.socket->sent_bytes_ += bytes;
}

IocpPort::Buffered IocpPort::take_buffer(ReceiveOperation& operation) noexcept {
    operation.buffer = buffers().take();
    if (operation.buffer.data != nullptr) {
        return Buffered::taken;
    }
    const bool is_starved = starve(
        operation, [&] { return operation.cancel_requested.load(std::memory_order_seq_cst); });
    if (is_starved) {
        return Buffered::starved;
    }
    operation.error = Error::aborted;
    operation.native_error = ERROR_OPERATION_ABORTED;
    return Buffered::cancelled;
}

void IocpPort::retry_starved() noexcept {
    retry_each_starved([this](ReceiveOperation& operation) {
        return drive(operation, Next::buffer_call, By::wait);
    });
}

// ---- the sweep

bool IocpPort::any_buffer_posted() const noexcept {
    return buffers_posted_.load(std::memory_order_relaxed) !=
           buffers_returned_.load(std::memory_order_relaxed);
}

bool IocpPort::sweep(std::uint64_t instant_ms) noexcept {
    base::Fifo<Operation> in_hand;
    sockets_.for_each([&](Socket& socket) {
        const auto is_due = [&] {
            const std::uint64_t posted_ms = socket.buffer_posted_ms_.load(
                std::memory_order_relaxed);
            return posted_ms != 0 && instant_ms >= posted_ms + receive_idle_ms_;
        };
        std::uintptr_t word = socket.receive_state_.load(std::memory_order_acquire);
        if (word == 0 || (word & flag_mask) != 0 || !is_due()) {
            return;
        }
        // Held, the operation stays alive and in the system's hands, or its packet's, and its
        // socket open.
        if (!socket.receive_state_.compare_exchange_strong(
                word, word | held, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            return;
        }
        auto& operation = *reinterpret_cast<Operation*>(word);
        if (is_due()) {  // still: else it has been in its owner's hands and is back
            cancel_in_system(socket.native_, operation);
        }
        if (!release(socket.receive_state_, operation)) {
            in_hand.push_back(operation);
        }
    });
    bool made_ready = false;
    while (Operation* operation = in_hand.pop_front()) {
        if (carry_on(*operation)) {
            make_ready(*operation);
            made_ready = true;
        }
    }
    return made_ready;
}

// ---- waiting

bool IocpPort::dequeued(Operation& operation, std::uint32_t bytes) noexcept {
    operation.native_error = code_of(operation);
    switch (operation.type) {
        case OperationType::connect: digest(static_cast<ConnectOperation&>(operation)); return true;
        case OperationType::send:
            digest(static_cast<SendOperation&>(operation), bytes);
            return true;
        case OperationType::accept:
            return claim(static_cast<AcceptOperation&>(operation).state, operation) &&
                   carry_on(operation);
        case OperationType::receive: {
            auto& receive = static_cast<ReceiveOperation&>(operation);
            receive.bytes = bytes;
            return claim(receive.socket->receive_state_, operation) && carry_on(operation);
        }
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"a packet of an operation that makes no call");
    std::abort();
}

DWORD IocpPort::poll_milliseconds(std::uint64_t deadline_ns) noexcept {
    if (late_posts_count_.load(std::memory_order_relaxed) != 0) {
        queue_late_posts();
    }
    if (deadline_ns == 0) {
        return 0;
    }
    const bool looks_again = !starved_.empty() ||
                             late_posts_count_.load(std::memory_order_relaxed) != 0;
    std::uint64_t milliseconds = looks_again ? retry_wait_ms : wait_max_ms;
    if (deadline_ns != wait_forever) {
        const std::uint64_t instant = now();
        const std::uint64_t left_ns = deadline_ns > instant ? deadline_ns - instant : 0;
        // Rounded up: a timer must not be looked for before it has come, again and again.
        milliseconds = std::min(milliseconds, (left_ns + base::nanoseconds_per_millisecond - 1) /
                                                  base::nanoseconds_per_millisecond);
    }
    if (any_buffer_posted()) {
        const std::uint64_t instant_ms = ::GetTickCount64();
        std::uint64_t due_ms = next_sweep_ms_.load(std::memory_order_relaxed);
        if (instant_ms >= due_ms &&
            next_sweep_ms_.compare_exchange_strong(due_ms, instant_ms + sweep_interval_ms_,
                                                   std::memory_order_relaxed)) {
            if (sweep(instant_ms)) {
                return 0;
            }
            due_ms = instant_ms + sweep_interval_ms_;
        }
        milliseconds = std::min(milliseconds, due_ms > instant_ms ? due_ms - instant_ms : 0);
    }
    return static_cast<DWORD>(milliseconds);
}

std::size_t IocpPort::poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept {
    const DWORD milliseconds = poll_milliseconds(deadline_ns);
    OVERLAPPED_ENTRY packets[packets_max];
    const auto wanted = static_cast<ULONG>(std::min(into.size(), packets_max));
    ULONG count_of_packets = 0;
    count(waits_);
    if (!::GetQueuedCompletionStatusEx(port_, packets, wanted, &count_of_packets, milliseconds,
                                       FALSE)) {
        // WAIT_TIMEOUT, mostly. The count means nothing now (Wine leaves 1 in it).
        PORTICO_ASSERT(::GetLastError() != ERROR_INVALID_HANDLE &&
                       ::GetLastError() != ERROR_ABANDONED_WAIT_0);
        count_of_packets = 0;
    }
    std::size_t taken = 0;
    for (ULONG i = 0; i < count_of_packets; ++i) {
        const OVERLAPPED_ENTRY& packet = packets[i];
        if (packet.lpCompletionKey == key_of_wake) {
            continue;
        }
        Operation& operation = operation_of(packet.lpOverlapped);
        if (packet.lpCompletionKey == key_of_post ||
            dequeued(operation, packet.dwNumberOfBytesTransferred)) {
            finish(operation);
            into[taken++] = &operation;
        }
    }
    return taken;
}

}  // namespace portico::io
