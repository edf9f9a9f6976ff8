#include "io/epoll/port.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#include "base/inline.hpp"
#include "io/epoll/attempts.hpp"
#include "io/native.hpp"

namespace portico::io {

namespace {

// Events taken by one epoll_wait. Each can complete two operations.
constexpr std::size_t events_max = 64;

// What a thread wrote before it attached a socket is seen by the thread that gets the socket's
// first edge: the kernel adds to an epoll instance and takes from it under one lock.
// ThreadSanitizer knows this of epoll_wait, and not of a system call that is made by its number.
#if defined(__SANITIZE_THREAD__)
void before_attach(int& epoll) noexcept {
    __tsan_release(&epoll);
}
void after_attach(int& epoll) noexcept {
    __tsan_acquire(&epoll);
}
#else
void before_attach(const int&) noexcept {}
void after_attach(const int&) noexcept {}
#endif

epoll_event events_of(Socket& socket) noexcept {
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    wanted.data.ptr = &socket;
    return wanted;
}

// epoll_wait with a timeout in nanoseconds. It exists since Linux 5.11: an older kernel answers
// ENOSYS, and a sandbox that does not know it may answer EPERM. (It is called by its number, which
// is the same everywhere, because not every C library on such a kernel has a function for it.)
int wait_exactly(int epoll, epoll_event* events, int events_size,
                 std::uint64_t timeout_ns) noexcept {
    constexpr long epoll_pwait2_number = 441;
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(timeout_ns / base::nanoseconds_per_second);
    timeout.tv_nsec = static_cast<long>(timeout_ns % base::nanoseconds_per_second);
    return static_cast<int>(
        ::syscall(epoll_pwait2_number, epoll, events, events_size, &timeout, nullptr, 0));
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
        port->ask_for_exact_deadlines();
    }
    return std::unique_ptr<CompletionPort>(std::move(port));
}

EpollPort::EpollPort(BufferPool& buffers, const PortOptions& options) noexcept
    : PortBase(buffers, options.shared) {}

void EpollPort::ask_for_exact_deadlines() noexcept {
    if (is_exact_.load(std::memory_order_relaxed)) {
        return;
    }
    // A call on the port's own epoll would take edges, which come only once. If the system has the
    // call, it complains of this one.
    epoll_event none;
    const bool fails = wait_exactly(-1, &none, 1, 0) < 0;
    is_exact_.store(fails && errno == EBADF, std::memory_order_relaxed);
}

std::uint64_t EpollPort::wait_grain_ns() const noexcept {
    return is_exact_.load(std::memory_order_relaxed) ? 0 : base::nanoseconds_per_millisecond;
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
    epoll_event wanted = events_of(socket);
    before_attach(epoll_);
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.native_, &wanted) != 0) {
        return base::Failure{"cannot watch a socket: " + native_error_text(errno)};
    }
    return {};
}

void EpollPort::close(Socket& socket) noexcept {
    PORTICO_ASSERT(!Readiness(socket.receive_state_).is_waited_for());
    PORTICO_ASSERT(!Readiness(socket.send_state_).is_waited_for());
    if (socket.is_listener_) {
        // A listener's descriptor has duplicates (one for each port), which would keep the
        // registration alive.
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.native_, nullptr);
    }
    socket.close();  // any other socket has one descriptor, and leaves the epoll set with it
}

// The kernel looks again when a registration changes, so an edge that came before is reported for
// `to`.
void EpollPort::move(Socket& from, Socket& to) noexcept {
    PORTICO_ASSERT(!Readiness(from.receive_state_).is_waited_for());
    PORTICO_ASSERT(!Readiness(from.send_state_).is_waited_for());
    to.take_over(from);
    epoll_event wanted = events_of(to);
    before_attach(epoll_);
    const int changed = ::epoll_ctl(epoll_, EPOLL_CTL_MOD, to.native_, &wanted);
    PORTICO_ASSERT(changed == 0);
}

// ---- the words

EpollPort::Readiness EpollPort::readiness_of(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::accept: return readiness_of(static_cast<AcceptOperation&>(operation));
        case OperationType::connect: return readiness_of(static_cast<ConnectOperation&>(operation));
        case OperationType::receive: return readiness_of(static_cast<ReceiveOperation&>(operation));
        case OperationType::send: return readiness_of(static_cast<SendOperation&>(operation));
        case OperationType::timer:
        case OperationType::post: break;
    }
    PORTICO_ASSERT(!"an operation without a socket");
    std::abort();
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
    for (;;) {
        switch (readiness_of(operation).park(operation)) {
            case Readiness::Parked::parked: return false;
            case Readiness::Parked::cancelled:
                operation.error = Error::aborted;
                operation.native_error = ECANCELED;
                return true;
            case Readiness::Parked::edge: break;
        }
        switch (attempt(operation)) {
            case Attempt::done: return true;
            case Attempt::starved: return false;
            case Attempt::would_block: break;
        }
    }
}

bool EpollPort::try_taken(Operation& operation) noexcept {
    if (operation.type == OperationType::receive) [[likely]] {
        readiness_of(static_cast<ReceiveOperation&>(operation)).use_up(Readiness::ready);
        return try_or_park(static_cast<ReceiveOperation&>(operation));
    }
    return try_other(operation);
}

bool EpollPort::try_other(Operation& operation) noexcept {
    switch (operation.type) {
        case OperationType::send: return try_or_park(static_cast<SendOperation&>(operation));
        case OperationType::accept:
            readiness_of(static_cast<AcceptOperation&>(operation)).use_up(Readiness::ready);
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
    readiness_of(operation).use_up(Readiness::ready | Readiness::cancelled);
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
        readiness_of(operation).use_up(Readiness::ready | Readiness::cancelled);
        if (try_or_park(operation)) {
            make_ready(operation);
        }
    }
}

void EpollPort::receive(ReceiveOperation& operation) noexcept {
    start(operation);
    operation.bytes = 0;
    operation.buffer = {};
    // Park without reading unless an edge has already arrived.
    if (!readiness_of(operation).park_untried(operation)) {
        receive_after_edge(operation);
    }
}

void EpollPort::receive_after_edge(ReceiveOperation& operation) noexcept {
    readiness_of(operation).use_up(Readiness::ready | Readiness::cancelled);
    if (try_or_park(operation)) {
        make_ready(operation);
    }
}

PORTICO_ALWAYS_INLINE bool EpollPort::begin_send(SendOperation& operation) noexcept {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= SendOperation::buffers_max);
    start(operation);
    operation.bytes = 0;
    // Every send begins with an attempt, so an earlier edge does not matter. It stays until an
    // attempt has used up the room (attempt, try_again_or_park).
    readiness_of(operation).use_up(Readiness::cancelled);
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
    // Fails only if the counter is full (after 2^64 - 2 wakes).
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
    switch (readiness_of(operation).cancel(operation)) {
        case Readiness::Cancelled::taken: make_ready(operation, Error::aborted, ECANCELED); return;
        case Readiness::Cancelled::completed: return;
        case Readiness::Cancelled::noted: break;
    }
    // The operation is starved, on the ready list, or in the hand of another thread, which sees the
    // flag before it parks or starves it.
    if (cancel_starved(operation)) {
        make_ready(operation, Error::aborted, ECANCELED);
    }
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

PORTICO_ALWAYS_INLINE void EpollPort::take_edge(Readiness readiness, std::uintptr_t flags,
                                                std::span<Operation*> into,
                                                std::size_t& taken) noexcept {
    if (!shared() && readiness.has_noted(flags)) {
        return;  // and on a port of one thread nobody is about to use it up
    }
    Operation* operation = readiness.take_edge(flags);
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
    // An edge comes only once, so this takes no more edges than it can hand out, at two operations
    // each.
    const std::size_t room = into.size() - taken;
    const auto wanted = static_cast<int>(std::clamp<std::size_t>(room / 2, 1, events_max));
    count(waits_);
    const int count_of_events = timeout_ns != 0 && is_exact_.load(std::memory_order_relaxed)
                                    ? wait_exactly(epoll_, events, wanted, timeout_ns)
                                    : ::epoll_wait(epoll_, events, wanted, timeout_ms);
    if (count_of_events > 0) {
        after_attach(epoll_);
    }
    for (int i = 0; i < count_of_events; ++i) {
        auto* socket = static_cast<Socket*>(events[i].data.ptr);
        if (socket == nullptr) {
            taken += take_posted(into.subspan(taken));
            continue;
        }
        const std::uint32_t seen = events[i].events;
        // Urgent data (EPOLLPRI) counts because a read ends at its mark, before all bytes are read.
        const bool is_end = (seen & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0;
        if (is_end || (seen & EPOLLIN) != 0) {
            take_edge(Readiness(socket->receive_state_),
                      is_end ? Readiness::ready | Readiness::ended : Readiness::ready, into, taken);
        }
        if ((seen & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
            take_edge(Readiness(socket->send_state_), Readiness::ready, into, taken);
        }
    }
    if (is_system_first) {
        taken += take_posted(into.subspan(taken));
    }
    return taken;
}

}  // namespace portico::io
