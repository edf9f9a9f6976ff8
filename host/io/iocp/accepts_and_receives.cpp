// Accepts and receives on IOCP, step by step: each may need several calls before it completes.
#include <algorithm>
#include <type_traits>

#include "io/iocp/overlapped.hpp"
#include "io/iocp/port.hpp"

namespace portico::io {

using namespace iocp;

namespace {

// If this many peers reset in the backlog under one accept, it fails instead of trying again.
constexpr std::uint32_t accept_tries_max = 64;

// The room that AcceptEx wants for each of the two addresses: 16 bytes more than the longest.
constexpr DWORD accept_address_bytes = sizeof(sockaddr_in6) + 16;
static_assert(2 * accept_address_bytes <= sizeof(AcceptOperation::address_room));

// True if one connection in the backlog ended, which says nothing about the listener. Windows:
// usually 64 or WSAECONNRESET; Wine: 59.
bool is_end_of_a_peer(int code) noexcept {
    return error_of(code) == Error::reset || error_of(code) == Error::timed_out ||
           code == ERROR_UNEXP_NET_ERR || code == WSAENOTCONN;
}

}  // namespace

void IocpPort::accept(AcceptOperation& operation) noexcept {
    start(operation);
    operation.accepted = invalid_socket;
    operation.tries = 0;
    if (advance(operation, Next::call, By::submit)) {
        make_ready(operation);
    }
}

void IocpPort::receive(ReceiveOperation& operation) noexcept {
    start(operation);
    operation.bytes = 0;
    operation.buffer = {};
    // Receives that only wait never hold the second half of the pool, which is kept for receives
    // that have data.
    if (operation.socket->receives_often_ && buffers().in_use() < buffers().buffers_max() / 2) {
        operation.buffer = buffers().take();  // if there is none, it waits without
    }
    if (advance(operation, Next::call, By::submit)) {
        make_ready(operation);
    }
}

// ---- steps of both

template <class WaitingOperation>
bool IocpPort::advance(WaitingOperation& operation, Next next, By by) noexcept {
    ClaimWord word = claim_word_of(operation);
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
        // Nobody can cancel during a submit, so this need not look for a cancel after the call; but
        // another thread's sweep may hold the operation. On a single port neither can happen.
        const bool is_held = by == By::wait && shared();
        word.announce(operation, is_held);
        const Called called = call(operation);
        if (!is_held) {
            if (called == Called::pending || !word.claim(operation)) {
                return false;
            }
        } else if (called == Called::finished) {
            word.take_back();
        } else {
            // pairs with cancel()
            if (operation.cancel_requested.load(std::memory_order_seq_cst)) {
                cancel_in_system(native, operation);
            }
            if (word.release(operation)) {
                return false;
            }
        }
        next = apply_result(operation);
    }
    return true;
}

bool IocpPort::carry_on(Operation& operation) noexcept {
    if (operation.type == OperationType::accept) {
        auto& accept = static_cast<AcceptOperation&>(operation);
        return advance(accept, apply_result(accept), By::wait);
    }
    auto& receive = static_cast<ReceiveOperation&>(operation);
    return advance(receive, apply_result(receive), By::wait);
}

// ---- accepts

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
    // This waits for no data, because a silent client would then occupy the accept.
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

IocpPort::Next IocpPort::apply_result(AcceptOperation& operation) noexcept {
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

// ---- receives

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

IocpPort::Next IocpPort::apply_result(ReceiveOperation& operation) noexcept {
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
        // The peer's end of stream. Under Wine a reset that came while nothing was pending looks
        // the same.
        return Next::nothing;
    }
    if (code == 0 && !operation.cancel_requested.load(std::memory_order_seq_cst)) {
        return Next::buffer_call;
    }
    if (is_abort(code) && !operation.cancel_requested.load(std::memory_order_seq_cst)) {
        // the sweep cancelled it, not the owner: it waits on without a buffer
        socket.receives_often_ = false;
        return Next::call;
    }
    operation.native_error = code == 0 ? ERROR_OPERATION_ABORTED : code;
    operation.error = error_of(operation.native_error);
    return Next::nothing;
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
        return advance(operation, Next::buffer_call, By::wait);
    });
}

}  // namespace portico::io
