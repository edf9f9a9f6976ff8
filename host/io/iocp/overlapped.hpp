// Converts between an operation and its OVERLAPPED. For iocp/ alone.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include "io/native.hpp"
#include "io/operation.hpp"

namespace portico::io::iocp {

static_assert(sizeof(OVERLAPPED) <= sizeof(Operation::Overlapped::room));
static_assert(alignof(OVERLAPPED) <= alignof(Operation::Overlapped));
static_assert(offsetof(Operation::Overlapped, room) == 0);

// Each call gets a fresh one: the system wants it zeroed, and the operation's last packet has been
// dequeued.
[[nodiscard]] inline OVERLAPPED* fresh_overlapped(Operation& operation) noexcept {
    return ::new (static_cast<void*>(operation.overlapped.room)) OVERLAPPED{};
}

[[nodiscard]] inline OVERLAPPED* overlapped_of(Operation& operation) noexcept {
    return std::launder(reinterpret_cast<OVERLAPPED*>(operation.overlapped.room));
}

[[nodiscard]] inline Operation& operation_of(OVERLAPPED* overlapped) noexcept {
    return *reinterpret_cast<Operation::Overlapped*>(overlapped)->operation;
}

[[nodiscard]] inline NativeSocket native_of(Operation& operation) noexcept {
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
[[nodiscard]] inline int code_of(Operation& operation) noexcept {
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

[[nodiscard]] inline bool is_abort(int code) noexcept {
    return error_of(code) == Error::aborted;
}

}  // namespace portico::io::iocp
