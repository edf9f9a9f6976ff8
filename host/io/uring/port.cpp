#include "io/uring/port.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "io/native.hpp"
#include "io/uring/state.hpp"

namespace portico::io {

using namespace uring;

namespace {

// Buffers that lie ready for the kernel, at most: so many receives can complete in one wait before
// the others have to ask again.
constexpr std::uint32_t ready_buffers_max = 256;

// Below this size half a buffer is not worth a multishot receive.
constexpr std::uint32_t limited_bytes_min = 64;

// How many buffers a request that reads ahead may fill, beside the one that rule 8 allows in any
// case.
constexpr std::uint32_t ahead_each = 15;

// Of the pool's buffers so many may hold what was read ahead.
constexpr std::uint32_t ahead_share = 16;

// Of the pool's buffers so many may be parked. The rest is for connections that read, however many
// others do not.
constexpr std::uint32_t parked_share = 4;

// How long a request may wait until the completions of the last enter are all handed out. One call
// then submits what all of them lead to; but a callback that takes long must not hold up what
// others send.
constexpr std::uint64_t submit_delay_max_ns = 1'000'000;

// Of a larger one the kernel would never take all in one call.
constexpr std::size_t quiet_bytes_max = 1U << 30;

// A wait that submits quiet sends lasts no longer, so that a port that has become idle gives their
// memory back. Longer than a tick of the kernel's clock: an earlier end would have to be set in the
// hardware with every wait.
constexpr std::uint64_t quiet_wait_max_ns = 20 * base::nanoseconds_per_millisecond;

// Not the end of anything: the request is made again, as soon as the socket is ready.
bool is_passing(int error) noexcept {
    return error == EAGAIN || error == EINTR;
}

// An accept or a receive that waits for readiness, or a send in the room watch. The mark is in an
// output, which is the port's until the operation completes.
bool awaits_readiness(const Operation& operation) noexcept {
    return operation.native_error == EAGAIN;
}

// The user_data of an operation that has a request of its own.
std::uint64_t request_of(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::accept:
            return user_data(Of::accept, &static_cast<AcceptOperation&>(operation));
        case OperationType::connect:
            return user_data(Of::connect, &static_cast<ConnectOperation&>(operation));
        case OperationType::send:
            return user_data(Of::send, &static_cast<SendOperation&>(operation));
        case OperationType::receive:
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a request of its own");
    return 0;
}

Operation* ended(Operation& operation, int error) noexcept {
    operation.error = error_of(error);
    operation.native_error = error;
    return &operation;
}

}  // namespace

// ---- the beginning and the end

base::Result<std::unique_ptr<CompletionPort>> UringPort::make(BufferPool& buffers,
                                                              const PortOptions& options,
                                                              const UringFeatures& allowed) {
    if (options.shared) {
        return base::Failure{
            "a port on io_uring belongs to one thread; several threads can share one on epoll"};
    }
    base::Result<UringFeatures> features = probe_uring(allowed);
    if (!features) {
        return base::Failure{"io_uring is not available: " + features.error()};
    }
    std::unique_ptr<UringPort> port(new UringPort(buffers, *features));
    const base::Result<void> opened = port->open();
    if (!opened) {
        return base::Failure{opened.error()};
    }
    return std::unique_ptr<CompletionPort>(std::move(port));
}

UringPort::UringPort(BufferPool& buffers, const UringFeatures& features)
    : PortBase(buffers, false, features.quiet_sends),
      features_(features),
      limits_receives_(features.buffer_ring && features.limited_multishot &&
                       buffers.buffer_bytes() >= limited_bytes_min &&
                       buffers.buffer_bytes() <= Kept::bytes_mask / (ahead_each + 1)),
      ahead_max_(limits_receives_ ? buffers.buffers_max() / ahead_share : 0),
      parked_max_(buffers.buffers_max() / parked_share) {}

base::Result<void> UringPort::open() {
    const int error = ring_.open(features_);
    if (error != 0) {
        return base::Failure{"cannot make an io_uring: " + native_error_text(-error)};
    }
    messages_.resize(ring_.places());
    ahead_.reserve(ahead_max_);
    left_armed_.reserve(left_armed_max);
    if (features_.buffer_ring) {
        ready_buffers_ = std::make_unique<UringBuffers>(
            buffers(), std::min(buffers().buffers_max(), ready_buffers_max));
        const int refused = ready_buffers_->join(ring_.native());
        if (refused != 0) {
            return base::Failure{"cannot make a buffer ring: " + native_error_text(-refused)};
        }
    }
    event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_ < 0) {
        return base::Failure{"cannot make an eventfd: " + native_error_text(errno)};
    }
    if (const int failed = room_watch_.open(); failed != 0) {
        return base::Failure{"cannot make an epoll instance: " + native_error_text(failed)};
    }
    return {};
}

UringPort::~UringPort() {
    PORTICO_ASSERT(requests_ == 0);
    ring_.close();  // before the buffers that lie ready in it
    if (event_ >= 0) {
        ::close(event_);
    }
}

base::Result<void> UringPort::attach(Socket& socket) {
    PORTICO_ASSERT(socket.is_open());
    return {};
}

void UringPort::close(Socket& socket) noexcept {
    PORTICO_ASSERT(waiting_in(load(socket.receive_state_)) == nullptr);
    if ((load(socket.receive_state_) & armed) != 0) {
        PORTICO_ASSERT(is_ring_thread());
        stop(socket);
        while ((load(socket.receive_state_) & armed) != 0) {
            enter(wait_forever);
            while (Operation* operation = fetch(false)) {
                make_ready(*operation);
            }
        }
    }
    Kept kept = Kept::of(load(socket.send_state_));
    for (; kept.bytes != 0; keep_next(socket, kept)) {
        buffers().give_back(buffers().on_loan_at(kept.index));
    }
    parked_ -= kept.may_park ? 1 : 0;
    std::erase(left_armed_, &socket);
    store(socket.receive_state_, 0);
    store(socket.send_state_, 0);
    socket.close();
}

// ---- submitting

void UringPort::accept(AcceptOperation& operation) noexcept {
    start(operation);
    operation.accepted = invalid_socket;
    request(operation);
}

bool UringPort::accept_at_once(AcceptOperation& operation) noexcept {
    if (!operation.has_more) {
        accept(operation);
        return false;
    }
    start(operation);
    sockaddr_storage name;
    socklen_t size = sizeof name;
    operation.accepted = ::accept4(operation.listener->native_, reinterpret_cast<sockaddr*>(&name),
                                   &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (operation.accepted < 0) {  // nobody waits, or the request will say what is wrong
        operation.accepted = invalid_socket;
        request(operation);
        return false;
    }
    count(accepts_);
    operation.peer = from_native(name);
    finish_at_once(operation);
    return true;
}

void UringPort::connect(ConnectOperation& operation) noexcept {
    start(operation);
    count(connects_);
    // The call itself does not wait, and what is asked for after it needs no memory of the address.
    sockaddr_storage name;
    const socklen_t size = to_native(operation.remote, name);
    if (::connect(operation.socket->native_, reinterpret_cast<sockaddr*>(&name), size) == 0) {
        make_ready(operation);
    } else if (errno != EINPROGRESS) {
        make_ready(operation, error_of(errno), errno);
    } else {
        request(operation);
    }
}

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
        operation.buffer = buffers().on_loan_at(kept.index);
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

void UringPort::send(SendOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= SendOperation::buffers_max);
    start(operation);
    operation.bytes = 0;
    operation.was_late = false;
    request(operation);
}

void UringPort::post(PostOperation& operation) noexcept {
    start_post(operation);
    if (posts_.push(operation)) {
        wakes_.fetch_add(1, std::memory_order_relaxed);
        interrupt_poll();
    }
}

void UringPort::interrupt_poll() noexcept {
    const std::uint64_t one = 1;
    // Fails only when the counter is full (after 2^64 - 2 wakes), and then the event is set.
    [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

void UringPort::cancel(Operation& operation) noexcept {
    Socket* socket = nullptr;
    switch (operation.type) {
        case OperationType::timer: cancel_timer(static_cast<TimerOperation&>(operation)); return;
        case OperationType::post: PORTICO_ASSERT(!"posts are not cancelled"); return;
        case OperationType::receive:
            socket = static_cast<ReceiveOperation&>(operation).socket;
            break;
        case OperationType::accept:
        case OperationType::connect:
        case OperationType::send: break;
    }
    if (operation.cancel_requested.exchange(true, std::memory_order_relaxed)) {
        return;
    }
    if (operation.type == OperationType::send &&
        static_cast<SendOperation&>(operation).may_be_late) {
        // quiet, or not prepared yet: it is decided in the submit
        expedite(static_cast<SendOperation&>(operation));
        return;
    }
    if (operation.type == OperationType::send && awaits_readiness(operation)) {
        room_watch_.remove(static_cast<SendOperation&>(operation));
        make_ready(operation, Error::aborted, ECANCELED);
        return;
    }
    const bool waits_outside = early_.remove(operation) || starved_.remove(operation);
    if (socket != nullptr) {
        const std::uintptr_t word = load(socket->receive_state_);
        if (waiting_in(word) != &operation) {
            return;  // it is on the ready list
        }
        if (!waits_outside) {
            stop(*socket);
            return;
        }
        store(socket->receive_state_, word & flag_mask);
    }
    if (waits_outside) {
        make_ready(operation, Error::aborted, ECANCELED);
    } else {
        prepare_cancel(request_of(operation));
    }
}

void UringPort::expedite(SendOperation& operation) noexcept {
    expedites_ = expedites_ || operation.may_be_late;
}

void UringPort::flush() noexcept {
    if (ring_.has_entries()) {
        enter(0);
    }
}

// ---- requests

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

void UringPort::prepare_send(SendOperation& operation) noexcept {
    io_uring_sqe& its = entry();
    msghdr& message = messages_[ring_.place_of(its)];
    std::size_t bytes = 0;
    for (const ConstBuffer& part : operation.buffers) {
        bytes += part.size;
    }
    // Where receives wait for buffers, those that sends keep are wanted back at once.
    operation.may_be_late = operation.may_be_late && features_.quiet_sends && starved_.empty() &&
                            bytes <= quiet_bytes_max;
    if (!operation.may_be_late) {
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

// The cancel's own completion says nothing that the request's does not.
void UringPort::prepare_cancel(std::uint64_t request) noexcept {
    count(cancels_);
    io_uring_sqe& its = entry();
    io_uring_prep_cancel64(&its, request, 0);
    its.user_data = user_data(Of::cancel, nullptr);
}

void UringPort::stop(Socket& socket) noexcept {
    const std::uintptr_t word = load(socket.receive_state_);
    if ((word & stopping) == 0) {
        store(socket.receive_state_, word | stopping);
        prepare_cancel(user_data(Of::receive, &socket));
    }
}

// ---- completions

Operation* UringPort::fetch(bool leaves_early) noexcept {
    UringRing::Completion completion;
    while (ring_.peek(completion)) {
        if (leaves_early && is_early(completion)) {
            return nullptr;
        }
        // Its place is free before the completion is dealt with: that may enter the kernel, when
        // the submission queue is full.
        ring_.pop();
        Operation* operation = completed(completion);
        if (operation != nullptr) {
            return operation;
        }
    }
    return nullptr;
}

bool UringPort::is_early(const UringRing::Completion& completion) noexcept {
    if (static_cast<Of>(completion.user_data & of_mask) != Of::receive || completion.result <= 0) {
        return false;
    }
    const Socket& socket = object_of<Socket>(completion);
    return waiting_in(load(socket.receive_state_)) == nullptr &&
           Kept::of(load(socket.send_state_)).is_ahead;
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
            // The wake itself was all. The eventfd is not read as long as each write is told; a new
            // request would tell old ones again.
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

Operation* UringPort::accepted(AcceptOperation& operation,
                               const UringRing::Completion& completion) noexcept {
    const int result = completion.result;
    const bool is_ready = awaits_readiness(operation) && result > 0;  // of the poll request
    // A connection that ended in the backlog is no error of the listener's.
    const bool is_nothing = is_ready ||
                            (result < 0 &&
                             (is_passing(-result) || result == -ECONNABORTED || result == -EPROTO));
    if (is_nothing && !operation.cancel_requested.load(std::memory_order_relaxed)) {
        // Older kernels do not wait in an accept request on a non-blocking listener.
        operation.native_error = result == -EAGAIN ? EAGAIN : 0;
        prepare(operation);
        return nullptr;
    }
    count(accepts_);
    if (result < 0) {
        return ended(operation, is_nothing ? ECANCELED : -result);
    }
    operation.accepted = result;
    operation.has_more = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    sockaddr_storage name{};
    std::memcpy(&name, operation.address_room,
                std::min<std::size_t>(operation.address_bytes, sizeof name));
    operation.peer = from_native(name);
    return &operation;
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
    // The end, when nobody waits for it, is there for the next request as well.
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

void UringPort::leave_armed(Socket& socket) noexcept {
    if (left_armed_.size() == left_armed_max) {
        bound_parked();  // completions that were fetched outside of wait(), by close()
    }
    left_armed_.push_back(&socket);
}

// Whoever got the bytes of these connections has had the time to receive again. Of those that did
// not, so many may stay armed as may park; the requests of the others are cancelled, and made again
// with their next receive.
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
    // What one request may bring fits into as many buffers as are reserved for it when each is
    // full: the bytes move up.
    const auto last = std::find_if(ahead_.rbegin(), ahead_.rend(),
                                   [&](const Ahead& one) { return one.socket == &socket; });
    const std::uint32_t index = last == ahead_.rend() ? kept.index : last->index;
    std::uint32_t& filled = last == ahead_.rend() ? kept.bytes : last->bytes;
    const std::uint32_t moved = std::min(bytes, buffers().buffer_bytes() - filled);
    std::memcpy(buffers().on_loan_at(index).data + filled, buffer.data, moved);
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

Operation* UringPort::failed(Socket& socket, int error) noexcept {
    Operation* operation = waiting_in(load(socket.receive_state_));
    if (operation == nullptr) {
        // Of a request that was stopped the next one will tell. An error is told once.
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
        operation->native_error = is_passing(error) ? EAGAIN : 0;  // it was not meant
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

Operation* UringPort::not_all_sent(SendOperation& operation, int result) noexcept {
    operation.may_be_late = false;  // the next attempt waits until it can
    operation.bytes = 0;
    // where its completion was fetched before conclude_quiet() could look
    quiet_.remove(operation);
    return sent(operation, result);
}

void UringPort::conclude_quiet() noexcept {
    // What was not submitted, or where a completion may be missing, is decided after the next
    // enter.
    if (quiet_.empty() || ring_.has_entries() || ring_.has_overflow()) {
        return;
    }
    for (std::uint32_t i = ring_.completions(); i-- > 0;) {
        const UringRing::Completion completion = ring_.at(i);
        if (static_cast<Of>(completion.user_data & of_mask) == Of::quiet_send) {
            object_of<SendOperation>(completion).bytes = 0;  // its completion will say more
        }
    }
    while (SendOperation* operation = quiet_.pop_front()) {
        if (operation->bytes != 0) {
            --requests_;
            count(sends_);
            operation->was_late = true;
            concluded_.push_back(*operation);
        }
    }
}

std::size_t UringPort::take_concluded(std::span<Operation*> into) noexcept {
    std::size_t taken = 0;
    while (taken < into.size()) {
        SendOperation* operation = concluded_.pop_front();
        if (operation == nullptr) {
            break;
        }
        finish(*operation);
        into[taken++] = operation;
    }
    return taken;
}

// ---- the ring and its thread

bool UringPort::is_ring_thread() const noexcept {
    return thread_ == std::this_thread::get_id() && !is_orphan_;
}

bool UringPort::bind() noexcept {
    if (thread_ == std::thread::id()) {
        PORTICO_ASSERT(ring_.enable() == 0);
        thread_ = std::this_thread::get_id();
        watch_event();
        watch_room();
        while (Operation* operation = early_.pop_front()) {
            prepare(*operation);
        }
    }
    return is_ring_thread();
}

void UringPort::watch_event() noexcept {
    io_uring_sqe& its = entry();
    io_uring_prep_poll_multishot(&its, event_, POLLIN);
    its.user_data = user_data(Of::event, nullptr);
}

void UringPort::watch_room() noexcept {
    io_uring_sqe& its = entry();
    io_uring_prep_poll_multishot(&its, room_watch_.descriptor(), POLLIN);
    its.user_data = user_data(Of::room, nullptr);
}

io_uring_sqe& UringPort::entry() noexcept {
    for (;;) {
        io_uring_sqe* free = ring_.free_entry();
        if (free != nullptr) {
            return *free;
        }
        enter(0);
    }
}

bool UringPort::must_submit() noexcept {
    if (!ring_.has_entries()) {
        return false;
    }
    if (!ring_.has_old_completions()) {
        return true;
    }
    const std::uint64_t instant = now();
    if (put_off_since_ns_ == 0) {
        put_off_since_ns_ = instant;
    }
    return instant - put_off_since_ns_ >= submit_delay_max_ns;
}

void UringPort::enter(std::uint64_t deadline_ns) noexcept {
    put_off_since_ns_ = 0;
    std::uint64_t for_ns = deadline_ns;
    if (deadline_ns != 0 && deadline_ns != wait_forever) {
        const std::uint64_t instant = now();
        for_ns = deadline_ns > instant ? deadline_ns - instant : 0;
    }
    count(waits_);
    // A thread that has the number of the one that the ring belonged to, and is another.
    for_ns = std::exchange(expedites_, false) ? 0
             : quiet_.empty()                 ? for_ns
                                              : std::min(for_ns, quiet_wait_max_ns);
    is_orphan_ = !ring_.enter(for_ns);
    conclude_quiet();
}

// ---- waiting

void UringPort::retry_starved() noexcept {
    if (!is_ring_thread()) {
        return;
    }
    // As many as there are buffers for, in the order in which they came. Where the kernel takes
    // them from those that lie ready, no more than these: the others would fail again, and their
    // completions would keep the next ones from being made ready.
    std::uint32_t room = buffers().buffers_max() - buffers().on_loan();
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

std::size_t UringPort::take_posted(std::span<Operation*> into) noexcept {
    if (!posts_.has_any()) {
        return 0;
    }
    const std::size_t taken = posts_.take(into);
    for (Operation* operation : into.first(taken)) {
        finish(*operation);
    }
    return taken;
}

std::size_t UringPort::poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept {
    if (!bind()) {
        return poll_elsewhere(into, deadline_ns);
    }
    bound_parked();
    const bool is_system_first = post_rounds_ >= PostQueue::rounds_max;
    std::size_t taken = is_system_first ? 0 : take_posted(into);
    if (taken == into.size()) {
        ++post_rounds_;
        return taken;
    }
    post_rounds_ = 0;
    const bool has_completions = ring_.completions() != 0;
    taken += take_concluded(into.subspan(taken));
    if (taken != 0 || is_system_first || has_completions) {
        deadline_ns = 0;
    } else if (!starved_.empty()) {
        deadline_ns = std::min(deadline_ns, now() + StarvedReceives::wait_max_ns);
    }
    if (!has_completions || must_submit()) {
        if (ready_buffers_ != nullptr) {
            // The kernel has used those of the completions that are not handed out yet.
            ready_buffers_->keep_ready(armed_receives_ + ahead_reserved_ + ring_.completions());
        }
        enter(deadline_ns);
        taken += take_concluded(into.subspan(taken));
    }
    const std::size_t before = taken;
    while (taken < into.size()) {
        Operation* operation = fetch(taken != before);
        if (operation == nullptr) {
            break;
        }
        finish(*operation);
        into[taken++] = operation;
    }
    return taken + take_posted(into.subspan(taken));
}

std::size_t UringPort::poll_elsewhere(std::span<Operation*> into,
                                      std::uint64_t deadline_ns) noexcept {
    PORTICO_ASSERT(requests_ == 0 && starved_.empty() && room_watch_.empty());
    const std::size_t taken = take_posted(into);
    if (taken != 0 || deadline_ns == 0) {
        return taken;
    }
    const std::uint64_t instant = now();
    timespec timeout{};
    if (deadline_ns > instant && deadline_ns != wait_forever) {
        timeout.tv_sec = static_cast<time_t>((deadline_ns - instant) /
                                             base::nanoseconds_per_second);
        timeout.tv_nsec = static_cast<long>((deadline_ns - instant) % base::nanoseconds_per_second);
    }
    count(waits_);
    pollfd event{event_, POLLIN, 0};
    if (::ppoll(&event, 1, deadline_ns == wait_forever ? nullptr : &timeout, nullptr) > 0) {
        std::uint64_t writes = 0;
        [[maybe_unused]] const ssize_t size = ::read(event_, &writes, sizeof writes);
    }
    return take_posted(into);
}

}  // namespace portico::io
