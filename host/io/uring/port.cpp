#include "io/uring/port.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "io/native.hpp"
#include "io/uring/state.hpp"

namespace portico::io {

using namespace uring;

namespace {

// The longest time that a request waits until the completions of the last enter are all handed out.
// One call then submits what all of them lead to; but a callback that takes long must not hold up
// what others send.
constexpr std::uint64_t submit_delay_max_ns = 1'000'000;

// The longest wait that submits quiet sends, so that a port that has become idle gives their memory
// back. It is longer than a tick of the kernel's clock: a shorter one would set a hardware timer
// with every wait.
constexpr std::uint64_t quiet_wait_max_ns = 20 * base::nanoseconds_per_millisecond;

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
    ring_.close();  // before the buffers that lie ready in it are freed
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
        buffers().give_back(buffers().in_use_at(kept.index));
    }
    parked_ -= kept.may_park ? 1 : 0;
    std::erase(left_armed_, &socket);
    store(socket.receive_state_, 0);
    store(socket.send_state_, 0);
    socket.close();
}

void UringPort::move(Socket& from, Socket& to) noexcept {
    PORTICO_ASSERT(load(from.receive_state_) == 0 && load(from.send_state_) == 0);
    to.take_over(from);
}

// ---- submitting

void UringPort::accept(AcceptOperation& operation) noexcept {
    start(operation);
    operation.accepted = invalid_socket;
    operation.has_more = false;
    operation.native_error = features_.waiting_accepts ? 0 : EAGAIN;
    request(operation);
}

bool UringPort::accept_at_once(AcceptOperation& operation) noexcept {
    if (!operation.has_more || !take_client(operation)) {
        accept(operation);  // no client waits, or the request will report the error
        return false;
    }
    start(operation);
    finish_at_once(operation);
    return true;
}

void UringPort::connect(ConnectOperation& operation) noexcept {
    start(operation);
    count(connects_);
    // The call itself does not wait, and the request after it does not need the address.
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

void UringPort::send(SendOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= SendOperation::buffers_max);
    start(operation);
    operation.bytes = 0;
    operation.completed_late = false;
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
    // Fails only if the counter is full (after 2^64 - 2 wakes), and then the event is set.
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
        static_cast<SendOperation&>(operation).may_complete_late) {
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

void UringPort::flush() noexcept {
    if (ring_.has_entries()) {
        enter(0);
    }
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
    for_ns = std::exchange(expedites_, false) ? 0
             : quiet_.empty()                 ? for_ns
                                              : std::min(for_ns, quiet_wait_max_ns);
    // It refuses another thread that has got the number of the ring's former thread.
    is_orphan_ = !ring_.enter(for_ns);
    complete_quiet_sends();
}

// ---- waiting

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
    if (!completed_quiet_.empty()) {
        taken += take_completed_quiet(into.subspan(taken));
    }
    if (taken != 0 || is_system_first || has_completions) {
        deadline_ns = 0;
    } else if (!starved_.empty()) {
        deadline_ns = std::min(deadline_ns, now() + StarvedReceives::wait_max_ns);
    }
    if (!has_completions || must_submit()) {
        if (ready_buffers_ != nullptr) {
            // The kernel has used up one for each completion that is not handed out yet.
            ready_buffers_->keep_ready(armed_receives_ + ahead_reserved_ + ring_.completions());
        }
        enter(deadline_ns);
        if (!completed_quiet_.empty()) {
            taken += take_completed_quiet(into.subspan(taken));
        }
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
