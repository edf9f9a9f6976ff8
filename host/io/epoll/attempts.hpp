// The system calls of the port on epoll: one attempt at an accept, a connect, a receive or a send.
//
// Part of epoll/port.cpp, which alone includes it, so that the attempts are inlined there.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/inline.hpp"
#include "io/epoll/port.hpp"
#include "io/native.hpp"

namespace portico::io {

namespace epoll {

// recv and send without the C library's wrappers. Those are cancellation points, which costs a
// process with several threads some sixty instructions a message, and no thread of ours is ever
// cancelled (pthread_cancel).
PORTICO_ALWAYS_INLINE ssize_t receive_call(NativeSocket socket, std::byte* data,
                                           std::size_t size) noexcept {
    return ::syscall(SYS_read, socket, data, size);
}

PORTICO_ALWAYS_INLINE ssize_t send_call(NativeSocket socket, const std::byte* data,
                                        std::size_t size) noexcept {
    return ::syscall(SYS_sendto, socket, data, size, MSG_NOSIGNAL, nullptr, 0);
}

// Calls sendmsg. `bytes`: how many it was given.
inline ssize_t send_several(const SendOperation& operation, std::size_t& bytes) noexcept {
    iovec parts[SendOperation::buffers_max];
    bytes = 0;
    std::transform(operation.buffers.begin(), operation.buffers.end(), parts,
                   [&](const ConstBuffer& part) {
                       bytes += part.size;
                       return iovec{const_cast<std::byte*>(part.data), part.size};
                   });
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = operation.buffers.size();
    return ::sendmsg(operation.socket->native(), &message, MSG_NOSIGNAL);
}

inline bool is_would_block(int code) noexcept {
    return code == EAGAIN || code == EWOULDBLOCK;
}

}  // namespace epoll

inline EpollPort::Attempt EpollPort::attempt(AcceptOperation& operation) noexcept {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    int accepted = -1;
    do {
        count(accepts_);
        accepted = ::accept4(operation.listener->native_, reinterpret_cast<sockaddr*>(&name), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        // A connection that ended in the backlog is not the listener's error (accept(2): treat it
        // like EAGAIN, by trying again).
    } while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
    if (accepted < 0 && epoll::is_would_block(errno)) {
        return Attempt::would_block;
    }
    if (accepted < 0) {
        operation.error = error_of(errno);
        operation.native_error = errno;
    } else {
        operation.accepted = accepted;
        operation.peer = from_native(name);
    }
    // One edge may announce several connections.
    readiness_of(operation).note(Readiness::ready);
    return Attempt::done;
}

inline EpollPort::Attempt EpollPort::attempt(ConnectOperation& operation) noexcept {
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(operation.socket->native_, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code == 0) {
        // No error and no connection means that it is still connecting (a new socket's first edge
        // comes before the connection).
        sockaddr_storage name;
        socklen_t name_size = sizeof name;
        if (::getpeername(operation.socket->native_, reinterpret_cast<sockaddr*>(&name),
                          &name_size) != 0) {
            return Attempt::would_block;
        }
        return Attempt::done;
    }
    operation.error = error_of(code);
    operation.native_error = code;
    return Attempt::done;
}

PORTICO_COLD inline EpollPort::Attempt EpollPort::await_buffer(
    ReceiveOperation& operation) noexcept {
    // the edge is not used up
    readiness_of(operation).note(Readiness::ready);
    const bool is_starved = starve(operation,
                                   [&] { return readiness_of(operation).is_cancelled(); });
    if (!is_starved) {
        operation.error = Error::aborted;
        operation.native_error = ECANCELED;
        return Attempt::done;
    }
    if (shared()) {
        wake();  // a thread that waits already would miss the return of a buffer
    }
    return Attempt::starved;
}

PORTICO_ALWAYS_INLINE EpollPort::Attempt EpollPort::attempt(ReceiveOperation& operation) noexcept {
    const Buffer buffer = buffers().take();
    if (buffer.data == nullptr) [[unlikely]] {
        return await_buffer(operation);
    }
    ssize_t received = 0;
    do {
        count(receives_);
        received = epoll::receive_call(operation.socket->native_, buffer.data,
                                       buffers().buffer_bytes());
    } while (received < 0 && errno == EINTR);
    if (received > 0) [[likely]] {
        // A short read has emptied the socket, and later bytes make a new edge (epoll(7)); a full
        // one may have left some.
        if (static_cast<std::size_t>(received) == buffers().buffer_bytes()) {
            readiness_of(operation).note(Readiness::ready);
        }
        operation.bytes = static_cast<std::uint32_t>(received);
        operation.buffer.data = buffer.data;
        operation.buffer.index = buffer.index;
        return Attempt::done;
    }
    const int code = received < 0 ? errno : 0;
    buffers().give_back(buffer);
    if (code != 0 && epoll::is_would_block(code)) {
        return Attempt::would_block;
    }
    if (code != 0) {
        operation.error = error_of(code);
        operation.native_error = code;
    }
    readiness_of(operation).note(Readiness::ended);
    return Attempt::done;
}

PORTICO_ALWAYS_INLINE EpollPort::Attempt EpollPort::attempt(SendOperation& operation) noexcept {
    ssize_t sent = 0;
    std::size_t wanted = 0;
    do {
        count(sends_);
        if (operation.buffers.size() == 1) {
            wanted = operation.buffers[0].size;
            sent = epoll::send_call(operation.socket->native_, operation.buffers[0].data, wanted);
        } else {
            sent = epoll::send_several(operation, wanted);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) [[likely]] {
        operation.bytes = static_cast<std::uint32_t>(sent);  // the system ends a call below 2 GiB
        if (operation.bytes < wanted) {
            // the announced room; the next attempt finds any room that comes from now on
            readiness_of(operation).use_up(Readiness::ready);
        }
        return Attempt::done;
    }
    if (epoll::is_would_block(errno)) {
        return Attempt::would_block;
    }
    operation.error = error_of(errno);
    operation.native_error = errno;
    return Attempt::done;
}

}  // namespace portico::io
