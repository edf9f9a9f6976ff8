#include "fuzz/driven_port.hpp"

#include <algorithm>
#include <utility>

namespace portico::fuzz {

namespace {

constexpr io::NativeSocket listener_native = 1;
constexpr io::NativeSocket first_native = 16;  // for the peers, counted up

// The port of the sockets: an input has one port.
DrivenPort* current = nullptr;

Peer& peer_of(io::NativeSocket native) {
    PORTICO_ASSERT(current != nullptr);
    return current->peer_of(native);
}

}  // namespace

DrivenPort::DrivenPort(io::BufferPool& buffers, Driver driver)
    : CompletionPort(buffers), driver_(std::move(driver)) {
    PORTICO_ASSERT(current == nullptr);
    current = this;
}

DrivenPort::~DrivenPort() {
    PORTICO_ASSERT(in_flight_.empty());
    current = nullptr;
}

Peer& DrivenPort::peer_of(io::NativeSocket native) noexcept {
    const auto index = static_cast<std::size_t>(native - first_native);
    PORTICO_ASSERT(native >= first_native && index < peers_.size() && peers_[index].is_open);
    return peers_[index];
}

// ---- operations come and go

void DrivenPort::submit(io::Operation& operation) noexcept {
    PORTICO_ASSERT(!operation.in_flight && operation.completed != nullptr);
    operation.in_flight = true;
    operation.cancel_requested.store(false);
    in_flight_.push_back(&operation);
}

void DrivenPort::finish(io::Operation& operation, io::Error error) noexcept {
    operation.error = error;
    operation.native_error = error == io::Error::none ? 0 : 1;
    ready_.push_back(&operation);
}

void DrivenPort::accept(io::AcceptOperation& operation) noexcept {
    PORTICO_ASSERT(operation.listener->native() == listener_native);
    submit(operation);
}

void DrivenPort::connect(io::ConnectOperation&) noexcept {
    PORTICO_ASSERT(!"nobody here connects");
}

void DrivenPort::receive(io::ReceiveOperation& operation) noexcept {
    Peer& peer = peer_of(operation.socket->native());
    PORTICO_ASSERT(peer.receive == nullptr);
    submit(operation);
    peer.receive = &operation;
}

void DrivenPort::send(io::SendOperation& operation) noexcept {
    Peer& peer = peer_of(operation.socket->native());
    PORTICO_ASSERT(peer.send == nullptr && !peer.host_ended);
    submit(operation);
    peer.send = &operation;
}

bool DrivenPort::send_at_once(io::SendOperation& operation) noexcept {
    Peer& peer = peer_of(operation.socket->native());
    PORTICO_ASSERT(peer.send == nullptr && !peer.host_ended);
    std::size_t bytes = 0;
    for (const io::ConstBuffer& part : operation.buffers) {
        bytes += part.size;
    }
    bytes = taken_at_once(peer, bytes);
    if (bytes == 0 && peer.broken == io::Error::none) {
        send(operation);
        return false;
    }
    operation.error = peer.broken;
    operation.native_error = peer.broken == io::Error::none ? 0 : 1;
    operation.bytes = peer.broken == io::Error::none
                          ? static_cast<std::uint32_t>(take(peer, operation, bytes))
                          : 0;
    return true;
}

void DrivenPort::timer(io::TimerOperation& operation) noexcept {
    submit(operation);
}

void DrivenPort::post(io::PostOperation& operation) noexcept {
    {
        const std::scoped_lock lock(mutex_);
        submit(operation);
        finish(operation, io::Error::none);
    }
    posted_.notify_one();
}

void DrivenPort::cancel(io::Operation& operation) noexcept {
    PORTICO_ASSERT(operation.type != io::OperationType::post);
    // If wait() has handed out an operation after others, and its owner does not know yet, the
    // handlers of those others may still cancel it.
    if (operation.in_flight) {
        operation.cancel_requested.store(true);
    }
}

void DrivenPort::close(io::Socket& socket) noexcept {
    if (socket.native() == listener_native) {
        PORTICO_ASSERT(next_accept() == nullptr);
    } else {
        const Peer& peer = peer_of(socket.native());
        PORTICO_ASSERT(peer.receive == nullptr && peer.send == nullptr);
    }
    socket.close();
}

void DrivenPort::move(io::Socket&, io::Socket&) noexcept {
    PORTICO_ASSERT(!"nobody connects here");
}

base::Result<void> DrivenPort::attach(io::Socket& socket) {
    PORTICO_ASSERT(socket.is_open());
    if (socket.native() != listener_native && attach_fails()) {
        return base::Failure{"no room in the port"};
    }
    return {};
}

std::size_t DrivenPort::wait(std::span<io::Operation*> completed,
                             std::uint64_t deadline_ns) noexcept {
    PORTICO_ASSERT(!completed.empty() && (deadline_ns == 0 || deadline_ns == io::wait_forever));
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            if (left_alone_ && deadline_ns != 0) {
                posted_.wait(lock, [&] { return !ready_.empty(); });
            }
            if (left_alone_) {
                break;
            }
        }
        driver_(ready_.empty() && deadline_ns != 0);
        const std::scoped_lock lock(mutex_);
        if (!ready_.empty() || deadline_ns == 0) {
            break;
        }
    }
    const std::scoped_lock lock(mutex_);
    std::size_t count = 0;
    while (count < std::min(completed.size(), batch_max) && !ready_.empty()) {
        io::Operation* operation = ready_.front();
        ready_.pop_front();
        in_flight_.erase(std::find(in_flight_.begin(), in_flight_.end(), operation));
        operation->in_flight = false;
        completed[count++] = operation;
    }
    return count;
}

// ---- what the driver decides

io::AcceptOperation* DrivenPort::next_accept() const noexcept {
    for (io::Operation* operation : in_flight_) {
        const bool is_ready = std::find(ready_.begin(), ready_.end(), operation) != ready_.end();
        if (operation->type == io::OperationType::accept && !is_ready) {
            return static_cast<io::AcceptOperation*>(operation);
        }
    }
    return nullptr;
}

bool DrivenPort::accept_peer() {
    io::AcceptOperation* operation = next_accept();
    if (operation == nullptr) {
        return false;
    }
    Peer& peer = peers_.emplace_back();
    peer.address.family = io::Address::Family::v4;
    peer.address.bytes = {127, 0, 0, 1};
    peer.address.port = static_cast<std::uint16_t>(peers_.size());
    operation->accepted = first_native + static_cast<io::NativeSocket>(peers_.size()) - 1;
    operation->peer = peer.address;
    finish(*operation, io::Error::none);
    return true;
}

bool DrivenPort::fail_accept(io::Error error) {
    io::AcceptOperation* operation = next_accept();
    if (operation == nullptr) {
        return false;
    }
    operation->accepted = io::invalid_socket;
    finish(*operation, error);
    return true;
}

bool DrivenPort::complete_receive(Peer& peer, std::size_t bytes_max) {
    if (peer.receive == nullptr || (peer.broken == io::Error::none && !peer.has_news())) {
        return false;
    }
    io::ReceiveOperation& operation = *peer.receive;
    operation.bytes = 0;
    operation.buffer = {};
    const std::size_t waiting = peer.stream.size() - peer.delivered;
    if (peer.broken == io::Error::none && waiting != 0) {
        operation.buffer = buffers().take();
        if (operation.buffer.data == nullptr) {
            return false;
        }
        const std::size_t bytes = std::min(
            {waiting, std::max<std::size_t>(bytes_max, 1), std::size_t{buffers().buffer_bytes()}});
        std::copy_n(reinterpret_cast<const std::byte*>(peer.stream.data()) + peer.delivered, bytes,
                    operation.buffer.data);
        operation.bytes = static_cast<std::uint32_t>(bytes);
        peer.delivered += bytes;
    } else if (peer.broken == io::Error::none) {
        peer.end_delivered = true;
    }
    peer.receive = nullptr;
    finish(operation, peer.broken);
    return true;
}

// The bytes as they are at the completion: they must not change until then.
std::size_t DrivenPort::take(Peer& peer, const io::SendOperation& operation,
                             std::size_t bytes_max) {
    PORTICO_ASSERT(!operation.buffers.empty() &&
                   operation.buffers.size() <= io::SendOperation::buffers_max);
    std::size_t taken = 0;
    for (const io::ConstBuffer& part : operation.buffers) {
        const std::size_t bytes = std::min(part.size, bytes_max - taken);
        peer.taken.append(reinterpret_cast<const char*>(part.data), bytes);
        taken += bytes;
    }
    PORTICO_ASSERT(taken != 0);
    return taken;
}

bool DrivenPort::complete_send(Peer& peer, std::size_t bytes_max) {
    if (peer.send == nullptr) {
        return false;
    }
    io::SendOperation& operation = *std::exchange(peer.send, nullptr);
    operation.bytes = peer.broken == io::Error::none
                          ? static_cast<std::uint32_t>(
                                take(peer, operation, std::max<std::size_t>(bytes_max, 1)))
                          : 0;
    finish(operation, peer.broken);
    return true;
}

bool DrivenPort::abort_cancelled(std::size_t which) {
    std::vector<io::Operation*> cancelled;
    for (io::Operation* operation : in_flight_) {
        const bool is_ready = std::find(ready_.begin(), ready_.end(), operation) != ready_.end();
        if (!is_ready && operation->cancel_requested.load()) {
            cancelled.push_back(operation);
        }
    }
    if (cancelled.empty()) {
        return false;
    }
    io::Operation& operation = *cancelled[which % cancelled.size()];
    if (operation.type == io::OperationType::accept) {
        static_cast<io::AcceptOperation&>(operation).accepted = io::invalid_socket;
    } else if (operation.type == io::OperationType::receive) {
        auto& receive = static_cast<io::ReceiveOperation&>(operation);
        receive.bytes = 0;
        receive.buffer = {};
        peer_of(receive.socket->native()).receive = nullptr;
    } else if (operation.type == io::OperationType::send) {
        auto& send = static_cast<io::SendOperation&>(operation);
        send.bytes = 0;
        peer_of(send.socket->native()).send = nullptr;
    }
    finish(operation, io::Error::aborted);
    return true;
}

void DrivenPort::pass_time(std::uint64_t ns) {
    now_ns_ += ns;
    std::vector<io::TimerOperation*> due;
    for (io::Operation* operation : in_flight_) {
        const bool is_ready = std::find(ready_.begin(), ready_.end(), operation) != ready_.end();
        if (operation->type == io::OperationType::timer && !is_ready &&
            static_cast<io::TimerOperation*>(operation)->deadline_ns <= now_ns_) {
            due.push_back(static_cast<io::TimerOperation*>(operation));
        }
    }
    std::stable_sort(due.begin(), due.end(),
                     [](const auto* a, const auto* b) { return a->deadline_ns < b->deadline_ns; });
    for (io::TimerOperation* operation : due) {
        finish(*operation, io::Error::none);
    }
}

std::optional<std::uint64_t> DrivenPort::until_next_timer() const noexcept {
    std::optional<std::uint64_t> next;
    for (const io::Operation* operation : in_flight_) {
        if (operation->type == io::OperationType::timer) {
            const std::uint64_t deadline = static_cast<const io::TimerOperation*>(operation)
                                               ->deadline_ns;
            const std::uint64_t left = deadline > now_ns_ ? deadline - now_ns_ : 0;
            next = std::min(next.value_or(left), left);
        }
    }
    return next;
}

void DrivenPort::leave_alone() noexcept {
    const std::scoped_lock lock(mutex_);
    left_alone_ = true;
}

}  // namespace portico::fuzz

// ---- the sockets: every function that host/io/socket_posix.cpp defines, so that the linker has no
// reason to take that file out of its archive

namespace portico::io {

using fuzz::peer_of;

void close_native(NativeSocket native) noexcept {
    if (native != fuzz::listener_native) {
        peer_of(native).is_open = false;
    }
}

Socket::~Socket() {
    close();
}

void Socket::reset_state() noexcept {}

void Socket::adopt(NativeSocket native) noexcept {
    PORTICO_ASSERT(!is_open());
    static_cast<void>(peer_of(native));
    native_ = native;
}

base::Result<void> Socket::open_for_connect(Address::Family, const Address&) {
    return base::Failure{"nobody here connects"};
}

void Socket::set_timeouts(const PeerTimeouts&) noexcept {}

base::Result<void> Socket::listen(const Address&, int, const PeerTimeouts&, std::uint64_t) {
    PORTICO_ASSERT(!is_open());
    native_ = fuzz::listener_native;
    return {};
}

Address Socket::local_address() const noexcept {
    Address address;
    address.family = Address::Family::v4;
    address.bytes = {127, 0, 0, 1};
    address.port = 5'000;
    return address;
}

Address Socket::peer_address() const noexcept {
    return peer_of(native_).address;
}

bool Socket::shutdown_send() noexcept {
    fuzz::Peer& peer = peer_of(native_);
    PORTICO_ASSERT(!peer.host_ended && peer.send == nullptr);
    peer.host_ended = true;
    return peer.broken == Error::none;
}

void Socket::reset_on_close() noexcept {
    peer_of(native_).reset_on_close = true;
}

std::optional<std::uint64_t> Socket::unacknowledged_bytes() const noexcept {
    return peer_of(native_).unacknowledged;
}

std::optional<Progress> Socket::progress() const noexcept {
    return std::nullopt;
}

std::uint64_t Socket::unread_bytes() const noexcept {
    const fuzz::Peer& peer = peer_of(native_);
    return peer.stream.size() - peer.delivered;
}

void Socket::close() noexcept {
    if (is_open()) {
        close_native(native_);
        native_ = invalid_socket;
    }
}

}  // namespace portico::io
