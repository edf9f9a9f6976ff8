// Receives on io_uring: makes their requests, keeps what comes while nobody waits, and bounds both.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/uring/port.hpp"
#include "io/uring/state.hpp"

namespace portico::io {

using namespace uring;

void UringPort::receive(ReceiveOperation& operation) noexcept {
    start(operation);
    operation.bytes = 0;
    operation.buffer = {};
    Socket& socket = *operation.socket;
    Kept kept = Kept::of(load(socket.send_state_));
    if (kept.may_park) {
        kept.may_park = false;
        --parked_;
        store(socket.send_state_, kept.word());
    }
    if (kept.bytes != 0) {
        operation.bytes = kept.bytes;
        operation.buffer = buffers().in_use_at(kept.index);
        keep_next(socket, kept);
        store(socket.send_state_, kept.word());
        make_ready(operation);
        return;
    }
    if (kept.error != 0) {
        store(socket.send_state_, 0);
        make_ready(operation, error_of(kept.error), kept.error);
        return;
    }
    const std::uintptr_t word = load(socket.receive_state_);
    PORTICO_ASSERT(waiting_in(word) == nullptr);
    store(socket.receive_state_, with_waiting(word, operation));
    if ((word & armed) == 0) {
        request(operation);
    }
}

void UringPort::prepare_receive(ReceiveOperation& operation) noexcept {
    Socket& socket = *operation.socket;
    const std::uintptr_t word = load(socket.receive_state_);
    Kept kept = Kept::of(load(socket.send_state_));
    io_uring_sqe& its = entry();
    if (!features_.buffer_ring || awaits_readiness(operation)) {
        io_uring_prep_poll_add(&its, socket.native_, POLLIN | POLLRDHUP);
    } else if (limits_receives_ && (word & large) == 0 && parked_ < parked_max_) {
        prepare_limited_receive(its, socket.native_, piece_bytes(), piece_bytes());
    } else if (kept.streams && ahead_reserved_ + ahead_.size() + ahead_each <= ahead_max_) {
        const std::uint32_t whole = buffers().buffer_bytes();
        prepare_limited_receive(its, socket.native_, whole, (ahead_each + 1) * whole);
        kept.is_ahead = true;
        store(socket.send_state_, kept.word());
        ahead_reserved_ += ahead_each;
    } else {
        io_uring_prep_recv(&its, socket.native_, nullptr, buffers().buffer_bytes(), 0);
        its.flags |= IOSQE_BUFFER_SELECT;
        its.buf_group = UringBuffers::group;
    }
    its.user_data = user_data(Of::receive, &socket);
    store(socket.receive_state_, word | armed);
    ++armed_receives_;
}

void UringPort::stop(Socket& socket) noexcept {
    const std::uintptr_t word = load(socket.receive_state_);
    if ((word & stopping) == 0) {
        store(socket.receive_state_, word | stopping);
        prepare_cancel(user_data(Of::receive, &socket));
    }
}

bool UringPort::is_early(const UringRing::Completion& completion) noexcept {
    if (static_cast<Of>(completion.user_data & of_mask) != Of::receive || completion.result <= 0) {
        return false;
    }
    const Socket& socket = object_of<Socket>(completion);
    return waiting_in(load(socket.receive_state_)) == nullptr &&
           Kept::of(load(socket.send_state_)).is_ahead;
}

Operation* UringPort::completed_of(Socket& socket,
                                   const UringRing::Completion& completion) noexcept {
    if (completion.is_last()) {
        store(socket.receive_state_, load(socket.receive_state_) & ~(armed | stopping));
        --requests_;
        --armed_receives_;
        if (Kept kept = Kept::of(load(socket.send_state_)); kept.is_ahead) {
            kept.is_ahead = false;
            store(socket.send_state_, kept.word());
            ahead_reserved_ -= ahead_each;
        }
    }
    if (!features_.buffer_ring && completion.result >= 0) {
        return readable(socket);
    }
    const bool has_buffer = (completion.flags & IORING_CQE_F_BUFFER) != 0;
    if (completion.result > 0 && !has_buffer) {  // of the poll request that waited for readiness
        if (Operation* operation = waiting_in(load(socket.receive_state_)); operation != nullptr) {
            operation->native_error = 0;
            prepare(*operation);
        }
        return nullptr;
    }
    Buffer buffer;
    if (has_buffer) {
        buffer = ready_buffers_->claim(
            static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT));
    }
    return received(socket, completion, buffer);
}

Operation* UringPort::received(Socket& socket, const UringRing::Completion& completion,
                               Buffer buffer) noexcept {
    count(receives_);
    const int result = completion.result;
    if (result > 0) {
        const auto bytes = static_cast<std::uint32_t>(result);
        const bool has_more = bytes == buffers().buffer_bytes() &&
                              (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
        if (Kept kept = Kept::of(load(socket.send_state_)); kept.streams != has_more) {
            kept.streams = has_more;
            store(socket.send_state_, kept.word());
        }
        const std::uintptr_t word = load(socket.receive_state_);
        store(socket.receive_state_,
              limits_receives_ && bytes >= piece_bytes() ? word | large : word & ~large);
        auto* operation = static_cast<ReceiveOperation*>(take_waiting(socket.receive_state_));
        if (operation == nullptr) {
            keep(socket, buffer, bytes);
            return nullptr;
        }
        operation->bytes = bytes;
        operation->buffer = buffer;
        if (limits_receives_ && (load(socket.receive_state_) & armed) != 0) {
            leave_armed(socket);
        }
        return operation;
    }
    if (buffer.data != nullptr) {
        buffers().give_back(buffer);
    }
    // If nobody waits for the end, the next request finds it again.
    return result == 0 ? take_waiting(socket.receive_state_) : failed(socket, -result);
}

// Without buffer rings: there is something to receive, or the end.
Operation* UringPort::readable(Socket& socket) noexcept {
    const Buffer buffer = buffers().take();
    if (buffer.data == nullptr) {
        return failed(socket, ENOBUFS);
    }
    ssize_t received = 0;
    do {
        count(receives_);
        received = ::recv(socket.native_, buffer.data, buffers().buffer_bytes(), MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    const int error = received < 0 ? errno : 0;
    if (received <= 0) {
        buffers().give_back(buffer);
        return error == 0 ? take_waiting(socket.receive_state_) : failed(socket, error);
    }
    auto* operation = static_cast<ReceiveOperation*>(take_waiting(socket.receive_state_));
    operation->bytes = static_cast<std::uint32_t>(received);
    operation->buffer = buffer;
    return operation;
}

Operation* UringPort::failed(Socket& socket, int error) noexcept {
    Operation* operation = waiting_in(load(socket.receive_state_));
    if (operation == nullptr) {
        // The request after a stopped one reports what this one cannot. An error is kept once.
        if (error != ECANCELED && error != ENOBUFS && !is_passing(error)) {
            Kept kept = Kept::of(load(socket.send_state_));
            kept.error = error;
            store(socket.send_state_, kept.word());
        }
        return nullptr;
    }
    if (operation->cancel_requested.load(std::memory_order_relaxed) &&
        (error == ENOBUFS || is_passing(error))) {
        error = ECANCELED;
    }
    if (is_passing(error) ||
        (error == ECANCELED && !operation->cancel_requested.load(std::memory_order_relaxed))) {
        operation->native_error = is_passing(error) ? EAGAIN : 0;  // the cancel was not its own
        prepare(*operation);
        return nullptr;
    }
    if (error == ENOBUFS) {
        if (ready_buffers_ != nullptr) {
            ready_buffers_->ran_out();
        }
        starved_.push_back(static_cast<ReceiveOperation&>(*operation));
        return nullptr;
    }
    return ended(*take_waiting(socket.receive_state_), error);
}

void UringPort::leave_armed(Socket& socket) noexcept {
    if (left_armed_.size() == left_armed_max) {
        bound_parked();  // completions that close() has fetched
    }
    left_armed_.push_back(&socket);
}

// These connections have had the time to receive again after their last bytes were handed out. Of
// those that did not, as many stay armed as may park. The requests of the others are cancelled, and
// made again with their next receive.
void UringPort::bound_parked() noexcept {
    for (Socket* socket : left_armed_) {
        const std::uintptr_t word = load(socket->receive_state_);
        Kept kept = Kept::of(load(socket->send_state_));
        if ((word & armed) == 0 || waiting_in(word) != nullptr || kept.may_park) {
            continue;
        }
        if (parked_ >= parked_max_) {
            stop(*socket);
        } else {
            kept.may_park = true;
            ++parked_;
            store(socket->send_state_, kept.word());
        }
    }
    left_armed_.clear();
}

void UringPort::keep(Socket& socket, Buffer buffer, std::uint32_t bytes) noexcept {
    Kept kept = Kept::of(load(socket.send_state_));
    if (!kept.may_park) {
        kept.may_park = true;
        ++parked_;
    }
    if (kept.bytes == 0) {
        kept.index = buffer.index;
        kept.bytes = bytes;
        store(socket.send_state_, kept.word());
        return;
    }
    // The bytes that one request may bring fit into the buffers reserved for it only if each is
    // full. So they move up into the last one.
    const auto last = std::find_if(ahead_.rbegin(), ahead_.rend(),
                                   [&](const Ahead& one) { return one.socket == &socket; });
    const std::uint32_t index = last == ahead_.rend() ? kept.index : last->index;
    std::uint32_t& filled = last == ahead_.rend() ? kept.bytes : last->bytes;
    const std::uint32_t moved = std::min(bytes, buffers().buffer_bytes() - filled);
    std::memcpy(buffers().in_use_at(index).data + filled, buffer.data, moved);
    filled += moved;
    store(socket.send_state_, kept.word());
    if (moved == bytes) {
        buffers().give_back(buffer);
        return;
    }
    PORTICO_ASSERT(ahead_.size() < ahead_max_);
    std::memmove(buffer.data, buffer.data + moved, bytes - moved);
    ahead_.push_back({&socket, buffer.index, bytes - moved});
}

void UringPort::keep_next(const Socket& socket, Kept& kept) noexcept {
    const auto next = std::find_if(ahead_.begin(), ahead_.end(),
                                   [&](const Ahead& one) { return one.socket == &socket; });
    kept.index = next == ahead_.end() ? 0 : next->index;
    kept.bytes = next == ahead_.end() ? 0 : next->bytes;
    if (next != ahead_.end()) {
        ahead_.erase(next);
    }
}

void UringPort::retry_starved() noexcept {
    if (!is_ring_thread()) {
        return;
    }
    // Retries as many as there are buffers for, oldest first. If the kernel takes ready buffers, it
    // retries no more than there are: the others would fail again, and their completions would keep
    // the next buffers from being made ready.
    std::uint32_t room = buffers().buffers_max() - buffers().in_use();
    if (ready_buffers_ != nullptr) {
        ready_buffers_->fill(ready_buffers_max);
        room = ready_buffers_->ready();
    }
    for (; room > 0; --room) {
        ReceiveOperation* operation = starved_.pop_front();
        if (operation == nullptr) {
            return;
        }
        prepare(*operation);
    }
}

}  // namespace portico::io
