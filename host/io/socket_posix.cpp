#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.hpp"
#include "io/native.hpp"
#include "io/simulated_sockets.hpp"
#include "io/socket.hpp"

namespace portico::io {

namespace {

void set_option(int native, int level, int option, int value) noexcept {
    // These options exist on every Linux that has epoll; a failure costs speed, not correctness.
    ::setsockopt(native, level, option, &value, sizeof value);
}

int native_family(Address::Family family) noexcept {
    return family == Address::Family::v6 ? AF_INET6 : AF_INET;
}

// The system counts keepalives in whole seconds. This rounds up, so that no peer is given up too
// early.
int seconds_of(std::uint32_t milliseconds) noexcept {
    return static_cast<int>((std::uint64_t{milliseconds} + 999) / 1'000);
}

// If they are set on a listening socket, each accepted socket has them too, without a call of its
// own.
void set_peer_timeouts(int native, const PeerTimeouts& timeouts) noexcept {
    if (timeouts.keepalive_idle_ms != 0) {
        set_option(native, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(native, IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(timeouts.keepalive_idle_ms));
        set_option(native, IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(timeouts.keepalive_interval_ms));
        set_option(native, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(timeouts.keepalive_probes));
    }
    if (timeouts.unacknowledged_ms != 0) {
        set_option(native, IPPROTO_TCP, TCP_USER_TIMEOUT,
                   static_cast<int>(timeouts.unacknowledged_ms));
    }
}

base::Failure failure(const char* what, const Address& address) {
    const int code = errno;
    return base::Failure{
        std::string(what) + " " + to_string(address) + ": " + native_error_text(code),
        static_cast<int>(error_of(code))};
}

}  // namespace

void close_native(NativeSocket native) noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        simulated->close(native);
        return;
    }
    ::close(native);
}

Socket::~Socket() {
    close();
}

void Socket::reset_state() noexcept {
    is_listener_ = is_shut_down_ = false;
    receive_state_.store(0, std::memory_order_relaxed);
    send_state_.store(0, std::memory_order_relaxed);
}

void Socket::adopt(NativeSocket native) noexcept {
    PORTICO_ASSERT(!is_open() && native != invalid_socket);
    native_ = native;
    reset_state();
}

base::Result<void> Socket::open_for_connect(Address::Family family, const Address& local) {
    PORTICO_ASSERT(!is_open());
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        base::Result<NativeSocket> opened = simulated->open_for_connect(family, local);
        if (!opened) {
            return base::Failure{opened.error(), opened.kind()};
        }
        adopt(*opened);
        return {};
    }
    const int native = ::socket(native_family(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                IPPROTO_TCP);
    if (native < 0) {
        return base::Failure{"cannot open a socket: " + native_error_text(errno)};
    }
    adopt(native);
    set_option(native, IPPROTO_TCP, TCP_NODELAY, 1);
    if (local.family == Address::Family::none) {
        return {};
    }
    set_option(native, SOL_SOCKET, SO_REUSEADDR, 1);
    return bind_or_close(local);
}

base::Result<void> Socket::open_for_connect_from(const Address& source) {
    if (SimulatedSockets::current() != nullptr) {
        Address free_port = source;
        free_port.port = 0;
        return open_for_connect(source.family, free_port);
    }
    if (base::Result<void> opened = open_for_connect(source.family); !opened) {
        return opened;
    }
    // An option of the level of IPv4 that also works for IPv6 sockets (ip(7), ipv6(7)).
    set_option(native_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    Address any_port = source;
    any_port.port = 0;
    return bind_or_close(any_port);
}

base::Result<void> Socket::bind_or_close(const Address& local) {
    sockaddr_storage name;
    const socklen_t size = to_native(local, name);
    if (::bind(native_, reinterpret_cast<sockaddr*>(&name), size) != 0) {
        base::Failure result = failure("cannot bind to", local);
        close();
        return result;
    }
    return {};
}

void Socket::set_timeouts(const PeerTimeouts& timeouts) noexcept {
    if (SimulatedSockets::current() == nullptr) {
        set_peer_timeouts(native_, timeouts);
    }
}

base::Result<void> Socket::listen(const Address& address, int backlog, const PeerTimeouts& timeouts,
                                  std::uint64_t) {
    PORTICO_ASSERT(!is_open());
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        base::Result<NativeSocket> listening = simulated->listen(address, backlog);
        if (!listening) {
            return base::Failure{listening.error(), listening.kind()};
        }
        native_ = *listening;
        reset_state();
        is_listener_ = true;
        return {};
    }
    const int native = ::socket(native_family(address.family),
                                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (native < 0) {
        return failure("cannot open a socket for", address);
    }
    native_ = native;
    reset_state();
    is_listener_ = true;
    set_option(native, SOL_SOCKET, SO_REUSEADDR, 1);
    // Linux gives it to each socket that is accepted: one call fewer for each
    set_option(native, IPPROTO_TCP, TCP_NODELAY, 1);
    set_peer_timeouts(native, timeouts);
    if (address.family == Address::Family::v6) {
        set_option(native, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    sockaddr_storage name;
    const socklen_t size = to_native(address, name);
    if (::bind(native, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
        ::listen(native, backlog) != 0) {
        base::Failure result = failure("cannot listen on", address);
        close();
        return result;
    }
    return {};
}

Address Socket::local_address() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return is_open() ? simulated->local_address(native_) : Address{};
    }
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(native_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        return {};
    }
    return from_native(name);
}

Address Socket::peer_address() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return is_open() ? simulated->peer_address(native_) : Address{};
    }
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getpeername(native_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        return {};
    }
    return from_native(name);
}

bool Socket::shutdown_send() noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->shutdown_send(native_);
    }
    is_shut_down_ = true;
    return ::shutdown(native_, SHUT_WR) == 0;
}

void Socket::reset_on_close() noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        simulated->reset_on_close(native_);
        return;
    }
    const linger at_once{1, 0};
    ::setsockopt(native_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::optional<std::uint64_t> Socket::unacknowledged_bytes() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->unacknowledged_bytes(native_);
    }
    int bytes = 0;
    if (::ioctl(native_, SIOCOUTQ, &bytes) != 0) {
        return std::nullopt;
    }
    // The kernel counts our end of stream as one more byte (tcp_ioctl), until it is acknowledged.
    return static_cast<std::uint64_t>(bytes) - (bytes != 0 && is_shut_down_ ? 1 : 0);
}

std::uint64_t Socket::unread_bytes() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->unread_bytes(native_);
    }
    int bytes = 0;
    if (::ioctl(native_, SIOCINQ, &bytes) != 0) {
        return 0;
    }
    return static_cast<std::uint64_t>(bytes);
}

void Socket::close() noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current(); simulated && is_open()) {
        simulated->close(native_);
        native_ = invalid_socket;
    }
    if (is_open()) {
        ::close(native_);
        native_ = invalid_socket;
    }
}

}  // namespace portico::io
