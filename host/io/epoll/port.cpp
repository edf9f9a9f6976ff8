#include "io/epoll/port.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/inline.hpp"
#include "io/native.hpp"

namespace portico::io {

namespace {

// Flags in a state word.
constexpr std::uintptr_t ready = 1;
constexpr std::uintptr_t ended = 2;
constexpr std::uintptr_t cancelled = 4;
constexpr std::uintptr_t flag_mask = ready | ended | cancelled;
static_assert(alignof(Operation) > flag_mask);

// Events taken by one epoll_wait. Each can complete two operations.
constexpr std::size_t events_max = 64;

// epoll_wait with a timeout in nanoseconds. Since Linux 5.11: an older one answers ENOSYS, a
// sandbox that does not know it may answer EPERM. (By its number, since not every C library that
// may stand above such a kernel has a function for it; the number is the same everywhere.)
int wait_exactly(int epoll, epoll_event* events, int events_size,
                 std::uint64_t timeout_ns) noexcept {
    constexpr long epoll_pwait2_number = 441;
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(timeout_ns / base::nanoseconds_per_second);
    timeout.tv_nsec = static_cast<long>(timeout_ns % base::nanoseconds_per_second);
    return static_cast<int>(
        ::syscall(epoll_pwait2_number, epoll, events, events_size, &timeout, nullptr, 0));
}

bool is_operation(std::uintptr_t word) noexcept {
    return (word & ~flag_mask) != 0;
}

Operation* operation_in(std::uintptr_t word) noexcept {
    return reinterpret_cast<Operation*>(word & ~flag_mask);
}

// recv and send without what the C library does around them: they are points of cancellation, which
// costs a process with several threads some sixty instructions for each message, and no thread of
// ours is ever cancelled (pthread_cancel).
PORTICO_ALWAYS_INLINE ssize_t receive_call(NativeSocket socket, std::byte* data,
                                           std::size_t size) noexcept {
    return ::syscall(SYS_read, socket, data, size);
}

PORTICO_ALWAYS_INLINE ssize_t send_call(NativeSocket socket, const std::byte* data,
                                        std::size_t size) noexcept {
    return ::syscall(SYS_sendto, socket, data, size, MSG_NOSIGNAL, nullptr, 0);
}

// sendmsg, and how many bytes it was given.
ssize_t send_several(const SendOperation& operation, std::size_t& bytes) noexcept {
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

bool is_would_block(int code) noexcept {
    return code == EAGAIN || code == EWOULDBLOCK;
}

}  // namespace

base::Result<std::unique_ptr<CompletionPort>> EpollPort::make(BufferPool& buffers,
                                                              const PortOptions& options) {
    std::unique_ptr<EpollPort> port(new EpollPort(buffers, options));
    port->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (port->epoll_ < 0) {
        return base::Failure{"cannot make an epoll instance: " + native_error_text(errno)};
    }
    port->event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (port->event_ < 0) {
        return base::Failure{"cannot make an eventfd: " + native_error_text(errno)};
    }
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLET;
    wanted.data.ptr = nullptr;  // the one registration that is not a Socket
    if (::epoll_ctl(port->epoll_, EPOLL_CTL_ADD, port->event_, &wanted) != 0) {
        return base::Failure{"cannot watch an eventfd: " + native_error_text(errno)};
    }
    if (options.exact_deadlines) {
        epoll_event none;
        port->is_exact_ = wait_exactly(port->epoll_, &none, 1, 0) >= 0;
    }
    return std::unique_ptr<CompletionPort>(std::move(port));
}

EpollPort::EpollPort(BufferPool& buffers, const PortOptions& options) noexcept
    : PortBase(buffers, options.shared) {}

std::uint64_t EpollPort::wait_grain_ns() const noexcept {
    return is_exact_ ? 0 : base::nanoseconds_per_millisecond;
}

EpollPort::~EpollPort() {
    for (const int descriptor : {event_, epoll_}) {
        if (descriptor >= 0) {
            ::close(descriptor);
        }
    }
}

base::Result<void> EpollPort::attach(Socket& socket) {
    PORTICO_ASSERT(socket.is_open());
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    wanted.data.ptr = &socket;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.native_, &wanted) != 0) {
        return base::Failure{"cannot watch a socket: " + native_error_text(errno)};
    }
    return {};
}

void EpollPort::close(Socket& socket) noexcept {
    PORTICO_ASSERT(!is_operation(socket.receive_state_.load(std::memory_order_acquire)));
    PORTICO_ASSERT(!is_operation(socket.send_state_.load(std::memory_order_acquire)));
    if (socket.is_listener_) {
        // Its descriptor has duplicates (one a port), which would keep the registration alive.
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.native_, nullptr);
    }
    socket.close();  // any other has one descriptor only, and leaves the epoll set with it
}

// ---- the words

std::atomic<std::uintptr_t>& EpollPort::state_of(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::accept: return state_of(static_cast<AcceptOperation&>(operation));
        case OperationType::connect: return state_of(static_cast<ConnectOperation&>(operation));
        case OperationType::receive: return state_of(static_cast<ReceiveOperation&>(operation));
        case OperationType::send: return state_of(static_cast<SendOperation&>(operation));
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a socket");
    std::abort();
}

PORTICO_ALWAYS_INLINE void EpollPort::use_up(std::atomic<std::uintptr_t>& state,
                                             std::uintptr_t flags) noexcept {
    if ((state.load(std::memory_order_relaxed) & flags) != 0) {
        state.fetch_and(~flags, std::memory_order_acq_rel);
    }
}

inline Operation* EpollPort::take_waiting(std::atomic<std::uintptr_t>& state,
                                          std::uintptr_t flags) noexcept {
    std::uintptr_t word = state.load(std::memory_order_acquire);
    for (;;) {
        if (is_operation(word)) {
            // `ended` stays behind; a plain edge is used up by the attempt that follows.
            if (state.compare_exchange_weak(word, flags & ended, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return operation_in(word);
            }
        } else if (state.compare_exchange_weak(word, word | flags, std::memory_order_acq_rel,
                                               std::memory_order_acquire)) {
            return nullptr;
        }
    }
}

template <class Kind>
PORTICO_ALWAYS_INLINE bool EpollPort::try_or_park(Kind& operation) noexcept {
    const Attempt result = attempt(operation);
    if (result == Attempt::done) [[likely]] {
        return true;
    }
    return result == Attempt::would_block && try_again_or_park(operation);
}

template <class Kind>
PORTICO_COLD bool EpollPort::try_again_or_park(Kind& operation) noexcept {
    auto& state = state_of(operation);
    for (;;) {
        std::uintptr_t word = state.load(std::memory_order_acquire);
        for (;;) {
            if ((word & cancelled) != 0) {
                operation.error = Error::aborted;
                operation.native_error = ECANCELED;
                return true;
            }
            if ((word & ready) != 0) {
                break;
            }
            // Without a new edge an `ended` is a leftover (an earlier socket in this place, an
            // error that was only passing): wait like everybody. One that came with a new edge must
            // stay until a receive has seen the end: the data in front of it may be all that the
            // next attempt gets. From here on another thread may complete the operation: it is not
            // touched any more.
            if (state.compare_exchange_weak(word, reinterpret_cast<std::uintptr_t>(&operation),
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                return false;
            }
        }
        // What this edge announced is about to be used up; one that comes from here on is kept.
        state.fetch_and(~ready, std::memory_order_acq_rel);
        switch (attempt(operation)) {
            case Attempt::done: return true;
            case Attempt::starved: return false;
            case Attempt::would_block: break;
        }
    }
}

bool EpollPort::try_taken(Operation& operation) noexcept {
    if (operation.type == OperationType::receive) [[likely]] {
        use_up(state_of(static_cast<ReceiveOperation&>(operation)), ready);
        return try_or_park(static_cast<ReceiveOperation&>(operation));
    }
    return try_other(operation);
}

bool EpollPort::try_other(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::send: return try_or_park(static_cast<SendOperation&>(operation));
        case OperationType::accept:
            use_up(state_of(static_cast<AcceptOperation&>(operation)), ready);
            return try_or_park(static_cast<AcceptOperation&>(operation));
        case OperationType::connect: return try_or_park(static_cast<ConnectOperation&>(operation));
        case OperationType::receive:
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation that is not tried");
    std::abort();
}

// ---- submitting

bool EpollPort::begin_accept(AcceptOperation& operation) noexcept {
    start(operation);
    operation.accepted = invalid_socket;
    use_up(state_of(operation), ready | cancelled);
    return try_or_park(operation);
}

void EpollPort::accept(AcceptOperation& operation) noexcept {
    if (begin_accept(operation)) {
        make_ready(operation);
    }
}

bool EpollPort::accept_at_once(AcceptOperation& operation) noexcept {
    if (!begin_accept(operation)) {
        return false;
    }
    finish_at_once(operation);
    return true;
}

void EpollPort::connect(ConnectOperation& operation) noexcept {
    start(operation);
    count(connects_);
    sockaddr_storage name;
    const socklen_t size = to_native(operation.remote, name);
    if (::connect(operation.socket->native_, reinterpret_cast<sockaddr*>(&name), size) == 0) {
        make_ready(operation);
    } else if (errno != EINPROGRESS) {
        make_ready(operation, error_of(errno), errno);
    } else {
        use_up(state_of(operation), ready | cancelled);
        if (try_or_park(operation)) {
            make_ready(operation);
        }
    }
}

void EpollPort::receive(ReceiveOperation& operation) noexcept {
    start(operation);
    operation.bytes = 0;
    operation.buffer = {};
    // Nothing is tried before an edge: this succeeds only where none has come.
    std::uintptr_t nothing = 0;
    if (operation.socket->receive_state_.compare_exchange_strong(
            nothing, reinterpret_cast<std::uintptr_t>(&operation), std::memory_order_acq_rel,
            std::memory_order_acquire)) {
        return;
    }
    receive_after_edge(operation);
}

void EpollPort::receive_after_edge(ReceiveOperation& operation) noexcept {
    use_up(operation.socket->receive_state_, ready | cancelled);
    if (try_or_park(operation)) {
        make_ready(operation);
    }
}

PORTICO_ALWAYS_INLINE bool EpollPort::begin_send(SendOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= SendOperation::buffers_max);
    start(operation);
    operation.bytes = 0;
    // Every send begins with an attempt, so an edge from before it says nothing. It stays until an
    // attempt has used up the room (attempt, try_again_or_park).
    use_up(operation.socket->send_state_, cancelled);
    return try_or_park(operation);
}

void EpollPort::send(SendOperation& operation) noexcept {
    if (begin_send(operation)) {
        make_ready(operation);
    }
}

bool EpollPort::send_at_once(SendOperation& operation) noexcept {
    if (!begin_send(operation)) {
        return false;
    }
    finish_at_once(operation);
    return true;
}

void EpollPort::post(PostOperation& operation) noexcept {
    start_post(operation);
    if (posts_.push(operation)) {
        wakes_.fetch_add(1, std::memory_order_relaxed);
        interrupt_poll();
    }
}

void EpollPort::interrupt_poll() noexcept {
    const std::uint64_t one = 1;
    // Fails only when the counter is full (after 2^64 - 2 wakes).
    [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

bool EpollPort::has_more() const noexcept {
    return posts_.has_rest();
}

void EpollPort::cancel(Operation& operation) noexcept {
    if (operation.type == OperationType::timer) {
        cancel_timer(static_cast<TimerOperation&>(operation));
        return;
    }
    PORTICO_ASSERT(operation.type != OperationType::post);
    auto& state = state_of(operation);
    const auto address = reinterpret_cast<std::uintptr_t>(&operation);
    std::uintptr_t word = state.load(std::memory_order_acquire);
    for (;;) {
        if (word == address) {
            if (state.compare_exchange_weak(word, 0, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                make_ready(operation, Error::aborted, ECANCELED);
                return;
            }
        } else if (is_operation(word)) {
            return;  // it has been handed out, and its successor waits
        } else if (state.compare_exchange_weak(word, word | cancelled, std::memory_order_acq_rel,
                                               std::memory_order_acquire)) {
            break;
        }
    }
    // Starved, on the ready list, or in the hand of another thread, which sees the flag before it
    // parks or starves it.
    if (cancel_starved(operation)) {
        make_ready(operation, Error::aborted, ECANCELED);
    }
}

// ---- the calls

EpollPort::Attempt EpollPort::attempt(AcceptOperation& operation) noexcept {
    sockaddr_storage name;
    socklen_t size = sizeof name;
    int accepted = -1;
    do {
        count(accepts_);
        accepted = ::accept4(operation.listener->native_, reinterpret_cast<sockaddr*>(&name), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        // A connection that ended in the backlog is no error of the listener's (accept(2): treat
        // like EAGAIN, by trying again).
    } while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
    if (accepted < 0 && is_would_block(errno)) {
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
    operation.listener->receive_state_.fetch_or(ready, std::memory_order_acq_rel);
    return Attempt::done;
}

EpollPort::Attempt EpollPort::attempt(ConnectOperation& operation) noexcept {
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(operation.socket->native_, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code == 0) {
        // No error and not connected yet means still on the way (the first edge of a new socket
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

PORTICO_COLD EpollPort::Attempt EpollPort::await_buffer(ReceiveOperation& operation) noexcept {
    // the edge is not used up
    operation.socket->receive_state_.fetch_or(ready, std::memory_order_acq_rel);
    const bool is_starved = starve(operation, [&] {
        return (operation.socket->receive_state_.load(std::memory_order_acquire) & cancelled) != 0;
    });
    if (!is_starved) {
        operation.error = Error::aborted;
        operation.native_error = ECANCELED;
        return Attempt::done;
    }
    if (shared()) {
        wake();  // a thread that waits already would do so past the return of a buffer
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
        received = receive_call(operation.socket->native_, buffer.data, buffers().buffer_bytes());
    } while (received < 0 && errno == EINTR);
    if (received > 0) {
        // A short read has emptied the socket, and what comes later makes a new edge (epoll(7)); a
        // full one may have left some.
        if (static_cast<std::size_t>(received) == buffers().buffer_bytes()) {
            operation.socket->receive_state_.fetch_or(ready, std::memory_order_acq_rel);
        }
        operation.bytes = static_cast<std::uint32_t>(received);
        operation.buffer.data = buffer.data;
        operation.buffer.index = buffer.index;
        return Attempt::done;
    }
    const int code = received < 0 ? errno : 0;
    buffers().give_back(buffer);
    if (code != 0 && is_would_block(code)) {
        return Attempt::would_block;
    }
    if (code != 0) {
        operation.error = error_of(code);
        operation.native_error = code;
    }
    operation.socket->receive_state_.fetch_or(ended, std::memory_order_acq_rel);
    return Attempt::done;
}

PORTICO_ALWAYS_INLINE EpollPort::Attempt EpollPort::attempt(SendOperation& operation) noexcept {
    ssize_t sent = 0;
    std::size_t wanted = 0;
    do {
        count(sends_);
        if (operation.buffers.size() == 1) {
            wanted = operation.buffers[0].size;
            sent = send_call(operation.socket->native_, operation.buffers[0].data, wanted);
        } else {
            sent = send_several(operation, wanted);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) [[likely]] {
        operation.bytes = static_cast<std::uint32_t>(sent);  // the system ends a call below 2 GiB
        if (operation.bytes < wanted) {
            // the room that was announced; what comes meanwhile the next attempt finds
            use_up(operation.socket->send_state_, ready);
        }
        return Attempt::done;
    }
    if (is_would_block(errno)) {
        return Attempt::would_block;
    }
    operation.error = error_of(errno);
    operation.native_error = errno;
    return Attempt::done;
}

// ---- waiting

void EpollPort::retry_starved() noexcept {
    retry_each_starved([this](ReceiveOperation& operation) { return try_taken(operation); });
}

std::size_t EpollPort::take_posted(std::span<Operation*> into) noexcept {
    if (!posts_.has_any()) {
        return 0;
    }
    const std::size_t taken = guarded([&] { return posts_.take(into); });
    for (Operation* operation : into.first(taken)) {
        finish(*operation);
    }
    return taken;
}

PORTICO_ALWAYS_INLINE void EpollPort::take_edge(std::atomic<std::uintptr_t>& state,
                                                std::uintptr_t flags, std::span<Operation*> into,
                                                std::size_t& taken) noexcept {
    if (const std::uintptr_t word = state.load(std::memory_order_relaxed);
        !shared() && !is_operation(word) && (word & flags) == flags) {
        return;  // noted already; and on a port of one thread nobody is about to use it up
    }
    Operation* operation = take_waiting(state, flags);
    if (operation == nullptr || !try_taken(*operation)) {
        return;
    }
    if (taken < into.size()) {
        finish(*operation);
        into[taken++] = operation;
    } else {
        make_ready(*operation);
    }
}

std::size_t EpollPort::poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept {
    const bool is_system_first = post_rounds_.load(std::memory_order_relaxed) >=
                                 PostQueue::rounds_max;
    std::size_t taken = is_system_first ? 0 : take_posted(into);
    if (taken == into.size()) {
        post_rounds_.fetch_add(1, std::memory_order_relaxed);
        return taken;
    }
    post_rounds_.store(0, std::memory_order_relaxed);
    if (deadline_ns != 0 && !starved_.empty()) {
        deadline_ns = std::min(deadline_ns, now() + StarvedReceives::wait_max_ns);
    }
    int timeout_ms = -1;
    std::uint64_t timeout_ns = 0;
    if (taken != 0 || is_system_first || deadline_ns == 0) {
        timeout_ms = 0;
    } else if (deadline_ns != wait_forever) {
        const std::uint64_t instant = now();
        const std::uint64_t left_ns = deadline_ns > instant ? deadline_ns - instant : 0;
        const std::uint64_t left_ms = (left_ns + base::nanoseconds_per_millisecond - 1) /
                                      base::nanoseconds_per_millisecond;
        timeout_ms = static_cast<int>(std::min<std::uint64_t>(left_ms, 3'600'000));
        timeout_ns = std::min(left_ns, 3'600 * base::nanoseconds_per_second);
    }
    epoll_event events[events_max];
    // An edge is told once, so no more are taken than can be handed out, at two operations each.
    const std::size_t room = into.size() - taken;
    const auto wanted = static_cast<int>(std::clamp<std::size_t>(room / 2, 1, events_max));
    count(waits_);
    const int count_of_events = is_exact_ && timeout_ns != 0
                                    ? wait_exactly(epoll_, events, wanted, timeout_ns)
                                    : ::epoll_wait(epoll_, events, wanted, timeout_ms);
    for (int i = 0; i < count_of_events; ++i) {
        auto* socket = static_cast<Socket*>(events[i].data.ptr);
        if (socket == nullptr) {
            taken += take_posted(into.subspan(taken));
            continue;
        }
        const std::uint32_t seen = events[i].events;
        // Urgent data (EPOLLPRI) is here because a read ends at its mark, short of what is there.
        const bool is_end = (seen & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0;
        if (is_end || (seen & EPOLLIN) != 0) {
            take_edge(socket->receive_state_, is_end ? ready | ended : ready, into, taken);
        }
        if ((seen & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
            take_edge(socket->send_state_, ready, into, taken);
        }
    }
    if (is_system_first) {
        taken += take_posted(into.subspan(taken));
    }
    return taken;
}

}  // namespace portico::io
