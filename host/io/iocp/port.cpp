#include "io/iocp/port.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "io/iocp/overlapped.hpp"

namespace portico::io {

using namespace iocp;

namespace {

// Completion keys say what a packet means. A post's packet carries the operation in place of an
// OVERLAPPED.
constexpr ULONG_PTR key_of_io = 0;
constexpr ULONG_PTR key_of_post = 1;
constexpr ULONG_PTR key_of_wake = 2;

constexpr std::size_t packets_max = 64;

// The longest wait. If the system refuses the packet of a post or a wake while every thread waits,
// it is late by this at most.
constexpr DWORD wait_max_ms = 5'000;
// The longest wait if a post was refused, or receives are starved.
constexpr DWORD retry_wait_ms = StarvedReceives::wait_max_ns / base::nanoseconds_per_millisecond;

// The most bytes of one send: WSABUF and the count of a packet have 32 bits.
constexpr std::size_t send_bytes_max = std::size_t{1} << 30;

}  // namespace

// ---- the port

base::Result<std::unique_ptr<CompletionPort>> IocpPort::make(BufferPool& buffers,
                                                             const PortOptions& options) {
    ensure_sockets_started();
    Extensions v4;
    Extensions v6;
    for (const bool is_v6 : {false, true}) {
        // A machine may lack one of the two families; then it has no sockets of it either.
        if (!(is_v6 ? v6 : v4).fetch(is_v6 ? AF_INET6 : AF_INET) &&
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
    // Only if the handle is the system's own: a layered provider that wraps handles loses such
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
    PORTICO_ASSERT(ClaimWord(socket.receive_state_).is_free());
    socket.close();  // leaves sockets_, and the port with its handle
}

// A handle is joined to its port for ever. What comes from it names operations, and not the Socket.
void IocpPort::move(Socket& from, Socket& to) noexcept {
    PORTICO_ASSERT(ClaimWord(from.receive_state_).is_free());
    sockets_.remove(from);
    to.take_over(from);
    to.skips_packets_ = from.skips_packets_;
    to.last_data_ms_ = ::GetTickCount64();
    sockets_.add(to);
}

// ---- submitting
//
// A call that has returned "pending" may have completed on another thread before it returned, and
// its operation may be anywhere: from then on use only what was copied before. (An operation that
// is held cannot be gone: advance().)

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
            apply_result(operation);
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
        apply_result(operation, sent);
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

void IocpPort::apply_result(ConnectOperation& operation) noexcept {
    if (operation.native_error == 0 && ::setsockopt(operation.socket->native_, SOL_SOCKET,
                                                    SO_UPDATE_CONNECT_CONTEXT, nullptr, 0) != 0) {
        operation.native_error = ::WSAGetLastError();
    }
    operation.error = error_of(operation.native_error);
}

void IocpPort::apply_result(SendOperation& operation, std::uint32_t bytes) noexcept {
    operation.error = error_of(operation.native_error);
    // A cancelled send may have sent a part, but such a connection is of no more use.
    operation.bytes = operation.error == Error::none ? bytes : 0;
    operation.socket->sent_bytes_ += bytes;
}

void IocpPort::post(PostOperation& operation) noexcept {
    start_post(operation);
    // While late posts wait, later ones queue after them, so that the posts of one thread stay in
    // order.
    if (late_posts_.empty() && queue_post(operation)) {
        return;
    }
    late_posts_.add(operation);
    queue_late_posts();
}

void IocpPort::queue_late_posts() noexcept {
    late_posts_.retry([this](Operation& operation) { return queue_post(operation); });
}

bool IocpPort::queue_post(Operation& operation) noexcept {
    wakes_.fetch_add(1, std::memory_order_relaxed);
    // The packet carries only the address. It need not be that of an OVERLAPPED
    // (PostQueuedCompletionStatus).
    return ::PostQueuedCompletionStatus(port_, 0, key_of_post,
                                        reinterpret_cast<OVERLAPPED*>(&operation.overlapped)) !=
           FALSE;
}

void IocpPort::interrupt_poll() noexcept {
    // Fails only if memory is out, and then the waits end by themselves (wait_max_ms).
    ::PostQueuedCompletionStatus(port_, 0, key_of_wake, nullptr);
}

bool IocpPort::has_more() const noexcept {
    return !late_posts_.empty();
}

void IocpPort::cancel_in_system(NativeSocket native, Operation& operation) noexcept {
    count(cancels_);
    // ERROR_NOT_FOUND: its packet is on the way, or no call has been made yet.
    ::CancelIoEx(reinterpret_cast<HANDLE>(native), overlapped_of(operation));
}

// The request is noted first (seq_cst), then the system is asked. A thread that has the operation
// in hand makes its call first and then reads the note. The system's own lock orders the call and
// the CancelIoEx: either CancelIoEx finds the call, or that thread calls later, sees the note, and
// cancels by itself. The list of starved receives works alike, under the port's lock.
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

// ---- waiting

bool IocpPort::dequeued(Operation& operation, std::uint32_t bytes) noexcept {
    operation.native_error = code_of(operation);
    switch (operation.type) {
        case OperationType::connect:
            apply_result(static_cast<ConnectOperation&>(operation));
            return true;
        case OperationType::send:
            apply_result(static_cast<SendOperation&>(operation), bytes);
            return true;
        case OperationType::accept:
            return claim_word_of(static_cast<AcceptOperation&>(operation)).claim(operation) &&
                   carry_on(operation);
        case OperationType::receive: {
            auto& receive = static_cast<ReceiveOperation&>(operation);
            receive.bytes = bytes;
            return claim_word_of(receive).claim(operation) && carry_on(operation);
        }
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"a packet of an operation that makes no call");
    std::abort();
}

DWORD IocpPort::poll_milliseconds(std::uint64_t deadline_ns) noexcept {
    if (!late_posts_.empty()) {
        queue_late_posts();
    }
    if (deadline_ns == 0) {
        return 0;
    }
    const bool looks_again = !starved_.empty() || !late_posts_.empty();
    std::uint64_t milliseconds = looks_again ? retry_wait_ms : wait_max_ms;
    if (deadline_ns != wait_forever) {
        const std::uint64_t instant = now();
        const std::uint64_t left_ns = deadline_ns > instant ? deadline_ns - instant : 0;
        // Rounded up, so that this does not wake again and again before the timer is due.
        milliseconds = std::min(milliseconds, (left_ns + base::nanoseconds_per_millisecond - 1) /
                                                  base::nanoseconds_per_millisecond);
    }
    if (any_buffer_posted()) {
        milliseconds = std::min(milliseconds, sweep_if_due());
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
        // Usually WAIT_TIMEOUT. The count means nothing now (Wine leaves 1 in it).
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
