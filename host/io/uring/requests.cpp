// Prepares the requests of the port on io_uring, except receives, and handles their completions.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/native.hpp"
#include "io/uring/port.hpp"
#include "io/uring/state.hpp"

namespace portico::io {

using namespace uring;

namespace {

// The kernel would never take all of a larger send in one call.
constexpr std::size_t quiet_bytes_max = 1U << 30;

}  // namespace

// ---- preparing

void UringPort::request(Operation& operation) noexcept {
    if (thread_ == std::thread::id()) {
        early_.push_back(operation);
    } else {
        PORTICO_ASSERT(is_ring_thread());
        prepare(operation);
    }
}

void UringPort::prepare(Operation& operation) noexcept {
    ++requests_;
    switch (operation.type) {
        case OperationType::accept:
            prepare_accept(static_cast<AcceptOperation&>(operation));
            return;
        case OperationType::connect:
            prepare_connect(static_cast<ConnectOperation&>(operation));
            return;
        case OperationType::receive:
            prepare_receive(static_cast<ReceiveOperation&>(operation));
            return;
        case OperationType::send: prepare_send(static_cast<SendOperation&>(operation)); return;
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a request");
}

void UringPort::prepare_accept(AcceptOperation& operation) noexcept {
    static_assert(sizeof operation.address_room >= sizeof(sockaddr_storage));
    operation.address_bytes = sizeof operation.address_room;
    io_uring_sqe& its = entry();
    if (awaits_readiness(operation)) {
        io_uring_prep_poll_add(&its, operation.listener->native_, POLLIN);
        its.user_data = request_of(operation);
        return;
    }
    io_uring_prep_accept(&its, operation.listener->native_,
                         reinterpret_cast<sockaddr*>(operation.address_room),
                         &operation.address_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    its.user_data = request_of(operation);
}

void UringPort::prepare_connect(ConnectOperation& operation) noexcept {
    io_uring_sqe& its = entry();
    io_uring_prep_poll_add(&its, operation.socket->native_, POLLOUT);
    its.user_data = request_of(operation);
}

void UringPort::prepare_send(SendOperation& operation) noexcept {
    io_uring_sqe& its = entry();
    msghdr& message = messages_[ring_.place_of(its)];
    std::size_t bytes = 0;
    for (const ConstBuffer& part : operation.buffers) {
        bytes += part.size;
    }
    // While receives wait for buffers, the buffers of sends are wanted back at once.
    operation.may_complete_late = operation.may_complete_late && features_.quiet_sends &&
                                  starved_.empty() && bytes <= quiet_bytes_max;
    if (!operation.may_complete_late) {
        prepare_plain_send(its, operation.socket->native_, operation.buffers, message);
        its.user_data = user_data(Of::send, &operation);
        return;
    }
    prepare_quiet_send(its, operation.socket->native_, operation.buffers, message);
    its.user_data = user_data(Of::quiet_send, &operation);
    operation.bytes = static_cast<std::uint32_t>(bytes);
    quiet_.push_back(operation);
}

Operation* UringPort::await_room(SendOperation& operation) noexcept {
    if (const int error = room_watch_.add(operation); error != 0) {
        return ended(operation, error);
    }
    operation.native_error = EAGAIN;
    return nullptr;
}

void UringPort::resume_sends() noexcept {
    std::array<SendOperation*, 64> ready;
    std::size_t count_of_ready = ready.size();
    while (count_of_ready == ready.size()) {
        count_of_ready = room_watch_.take(ready);
        for (SendOperation* operation : std::span(ready).first(count_of_ready)) {
            operation->native_error = 0;
            prepare(*operation);
        }
    }
}

// The cancel's own completion adds nothing to the request's.
void UringPort::prepare_cancel(std::uint64_t request) noexcept {
    count(cancels_);
    io_uring_sqe& its = entry();
    io_uring_prep_cancel64(&its, request, 0);
    its.user_data = user_data(Of::cancel, nullptr);
}

// ---- completions

Operation* UringPort::fetch(bool leaves_early) noexcept {
    UringRing::Completion completion;
    while (ring_.peek(completion)) {
        if (leaves_early && is_early(completion)) {
            return nullptr;
        }
        // Frees its place before the completion is handled, which may enter the kernel if the
        // submission queue is full.
        ring_.pop();
        Operation* operation = completed(completion);
        if (operation != nullptr) {
            return operation;
        }
    }
    return nullptr;
}

Operation* UringPort::completed(const UringRing::Completion& completion) noexcept {
    switch (static_cast<Of>(completion.user_data & of_mask)) {
        case Of::receive: return completed_of(object_of<Socket>(completion), completion);
        case Of::send:
            --requests_;
            return sent(object_of<SendOperation>(completion), completion.result);
        case Of::quiet_send:
            --requests_;
            return not_all_sent(object_of<SendOperation>(completion), completion.result);
        case Of::accept:
            --requests_;
            return accepted(object_of<AcceptOperation>(completion), completion);
        case Of::connect:
            --requests_;
            return connected(object_of<ConnectOperation>(completion), completion.result);
        case Of::event:
            // Waking is all that it is for. The eventfd is not read as long as each write completes
            // the request; but a new request would report old writes again.
            if (completion.is_last()) {
                std::uint64_t writes = 0;
                [[maybe_unused]] const ssize_t size = ::read(event_, &writes, sizeof writes);
                watch_event();
            }
            return nullptr;
        case Of::room:
            resume_sends();
            if (completion.is_last()) {
                watch_room();
            }
            return nullptr;
        case Of::cancel: return nullptr;
    }
    PORTICO_ASSERT(!"a completion of nothing");
    return nullptr;
}

Operation* UringPort::accepted(AcceptOperation& operation,
                               const UringRing::Completion& completion) noexcept {
    int error = std::max(-completion.result, 0);
    if (awaits_readiness(operation)) {  // the completion is a poll request's
        operation.native_error = 0;
        if (error == 0 && take_client(operation)) {
            return &operation;
        }
        error = error == 0 ? errno : error;
    } else if (error == 0) {
        count(accepts_);
        operation.accepted = completion.result;
        operation.has_more = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
        sockaddr_storage name{};
        std::memcpy(&name, operation.address_room,
                    std::min<std::size_t>(operation.address_bytes, sizeof name));
        operation.peer = from_native(name);
        return &operation;
    }
    // A connection that ended in the backlog is not the listener's error.
    const bool is_nothing = is_passing(error) || error == ECONNABORTED || error == EPROTO;
    if (is_nothing && !operation.cancel_requested.load(std::memory_order_relaxed)) {
        // EAGAIN: a kernel without accepts that wait, or one that has given up waiting. A poll
        // request waits instead.
        operation.native_error = error == EAGAIN ? EAGAIN : 0;
        prepare(operation);
        return nullptr;
    }
    count(accepts_);
    return ended(operation, is_nothing ? ECANCELED : error);
}

bool UringPort::take_client(AcceptOperation& operation) noexcept {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    const int accepted = ::accept4(operation.listener->native_, reinterpret_cast<sockaddr*>(&name),
                                   &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
        return false;
    }
    count(accepts_);
    operation.accepted = accepted;
    operation.peer = from_native(name);
    operation.has_more = true;  // it is cheap to find out
    return true;
}

Operation* UringPort::connected(ConnectOperation& operation, int result) noexcept {
    if (result < 0) {
        return ended(operation, -result);
    }
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(operation.socket->native_, SOL_SOCKET, SO_ERROR, &code, &size);
    return code == 0 ? &operation : ended(operation, code);
}

Operation* UringPort::sent(SendOperation& operation, int result) noexcept {
    if (result < 0 && is_passing(-result) &&
        !operation.cancel_requested.load(std::memory_order_relaxed)) {
        return await_room(operation);
    }
    count(sends_);
    if (result < 0) {
        return ended(operation, is_passing(-result) ? ECANCELED : -result);
    }
    operation.bytes = static_cast<std::uint32_t>(result);
    return &operation;
}

}  // namespace portico::io
