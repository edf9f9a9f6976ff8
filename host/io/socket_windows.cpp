#include "base/assert.hpp"
#include "base/clock.hpp"
#include "io/native.hpp"
#include "io/simulated_sockets.hpp"
#include "io/socket.hpp"
#include "io/socket_registry.hpp"

#include <mstcpip.h>  // SIO_TCP_INFO, of Windows 10 1703; an older system refuses it as unknown

namespace portico::io {

namespace {

#ifndef SO_REUSE_UNICASTPORT  // MinGW-w64's headers do not know it
constexpr int SO_REUSE_UNICASTPORT = 0x3007;
#endif

// MinGW-w64's headers do not know these (ws2ipdef.h of the Windows SDK).
#ifndef TCP_MAXRT
constexpr int TCP_MAXRT = 5;  // seconds
#endif
#ifndef TCP_MAXRTMS
constexpr int TCP_MAXRTMS = 14;  // milliseconds; from Windows 10 2004 on
#endif
#ifndef TCP_KEEPCNT
constexpr int TCP_KEEPCNT = 16;  // from Windows 10 1703 on; before, the system asks ten times
#endif

// A backlog of up to 200 is passed as it is; a larger one as SOMAXCONN_HINT, which is the negative
// number (listen, Winsock reference).
constexpr int backlog_without_hint = 200;

bool try_option(NativeSocket native, int level, int option, DWORD value) noexcept {
    return ::setsockopt(native, level, option, reinterpret_cast<const char*>(&value),
                        sizeof value) == 0;
}

void set_option(NativeSocket native, int level, int option, DWORD value) noexcept {
    // A failure costs speed, not correctness. For an option that matters use try_option() and its
    // result.
    static_cast<void>(try_option(native, level, option, value));
}

NativeSocket open_native(Address::Family family) noexcept {
    ensure_sockets_started();
    return ::WSASocketW(family == Address::Family::v6 ? AF_INET6 : AF_INET, SOCK_STREAM,
                        IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

// False if the system does not know it. Before Windows 10 1703: WSAEINVAL; Wine:
// WSAEOPNOTSUPP.
bool get_tcp_info(NativeSocket native, TCP_INFO_v0& info) noexcept {
    DWORD version = 0;
    DWORD size = 0;
    return ::WSAIoctl(native, SIO_TCP_INFO, &version, sizeof version, &info, sizeof info, &size,
                      nullptr, nullptr) == 0;
}

base::Failure failure(const char* what, const Address& address) {
    const int code = ::WSAGetLastError();
    return base::Failure{
        std::string(what) + " " + to_string(address) + ": " + native_error_text(code),
        static_cast<int>(error_of(code))};
}

}  // namespace

void ensure_sockets_started() noexcept {
    // Started once in a process, at the first use, and never undone: WSACleanup must not run while
    // a DLL is unloaded (an embedding host may be one), and the end of the process does the same
    // work. If the start fails, each socket call reports that (WSANOTINITIALISED).
    [[maybe_unused]] static const int result = [] {
        WSADATA data;
        return ::WSAStartup(MAKEWORD(2, 2), &data);
    }();
}

void close_native(NativeSocket native) noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        simulated->close(native);
        return;
    }
    ::closesocket(native);
}

Socket::~Socket() {
    close();
}

void Socket::reset_state() noexcept {
    is_listener_ = is_shut_down_ = false;
    receive_state_.store(0, std::memory_order_relaxed);
    send_state_.store(0, std::memory_order_relaxed);
    skips_packets_ = false;
    receives_often_ = false;
    last_data_ms_ = 0;
    sent_bytes_ = 0;
    buffer_posted_ms_.store(0, std::memory_order_relaxed);
}

void Socket::adopt(NativeSocket native) noexcept {
    PORTICO_ASSERT(!is_open() && native != invalid_socket);
    native_ = native;
    reset_state();
    if (SimulatedSockets::current() == nullptr) {
        set_option(native, IPPROTO_TCP, TCP_NODELAY, 1);
    }
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
    const NativeSocket native = open_native(family);
    if (native == invalid_socket) {
        return base::Failure{"cannot open a socket: " + native_error_text(::WSAGetLastError())};
    }
    adopt(native);
    // ConnectEx takes only bound sockets, so a socket without a `local` is bound to any address.
    // That alone would use up one port of the whole machine for each connection; with this option
    // (Windows 10; Wine does not know it) ports are shared between connections to different peers,
    // as connect() does it.
    set_option(native, SOL_SOCKET, SO_REUSE_UNICASTPORT, 1);
    Address from = local;
    if (from.family == Address::Family::none) {
        from.family = family;
    }
    return bind_or_close(from);
}

base::Result<void> Socket::open_for_connect_from(const Address& source) {
    Address any_port = source;
    any_port.port = 0;
    return open_for_connect(source.family, any_port);
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

// Options that an old system does not know keep the system's defaults.
static void set_peer_timeouts(NativeSocket native, const PeerTimeouts& timeouts) noexcept {
    if (timeouts.keepalive_idle_ms != 0) {
        tcp_keepalive values{1, timeouts.keepalive_idle_ms, timeouts.keepalive_interval_ms};
        DWORD size = 0;
        static_cast<void>(::WSAIoctl(native, SIO_KEEPALIVE_VALS, &values, sizeof values, nullptr, 0,
                                     &size, nullptr, nullptr));
        if (timeouts.keepalive_probes != 0) {
            set_option(native, IPPROTO_TCP, TCP_KEEPCNT, timeouts.keepalive_probes);
        }
    }
    if (timeouts.unacknowledged_ms != 0 &&
        !try_option(native, IPPROTO_TCP, TCP_MAXRTMS, timeouts.unacknowledged_ms)) {
        set_option(native, IPPROTO_TCP, TCP_MAXRT,
                   static_cast<DWORD>((std::uint64_t{timeouts.unacknowledged_ms} + 999) / 1'000));
    }
}

// Not documented as inherited by SO_UPDATE_ACCEPT_CONTEXT, so each accepted socket is given them.
void Socket::set_accepted_timeouts(NativeSocket accepted) const noexcept {
    set_peer_timeouts(accepted, accepted_timeouts_);
}

void Socket::set_timeouts(const PeerTimeouts& timeouts) noexcept {
    if (SimulatedSockets::current() == nullptr) {
        set_peer_timeouts(native_, timeouts);
    }
}

base::Result<void> Socket::listen(const Address& address, int backlog, const PeerTimeouts& timeouts,
                                  std::uint64_t retry_until_ns) {
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
    constexpr DWORD try_again_after_ms = 50;
    for (bool was_in_use = false;; was_in_use = true) {
        base::Result<void> listening = try_listen(address, backlog, timeouts);
        if (listening || static_cast<Error>(listening.kind()) != Error::address_in_use) {
            return listening;
        }
        if (base::now_ns() >= retry_until_ns) {
            const char* tried =
                "; tried again for a while, because old connections may still be closing after "
                "a "
                "crash";
            return base::Failure{listening.error() + (was_in_use ? tried : ""), listening.kind()};
        }
        ::Sleep(try_again_after_ms);
    }
}

base::Result<void> Socket::try_listen(const Address& address, int backlog,
                                      const PeerTimeouts& timeouts) {
    PORTICO_ASSERT(!is_open());
    const NativeSocket native = open_native(address.family);
    if (native == invalid_socket) {
        return failure("cannot open a socket for", address);
    }
    native_ = native;
    reset_state();
    is_listener_ = true;
    listener_family_ = address.family;
    accepted_timeouts_ = timeouts;
    // If the system does not know this option (Windows before 10, version 1703; Wine), one call is
    // enough: one for each client would be wasted.
    if (!try_option(native, IPPROTO_TCP, TCP_KEEPCNT, timeouts.keepalive_probes)) {
        accepted_timeouts_.keepalive_probes = 0;
    }
    if (address.family == Address::Family::v6) {
        set_option(native, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    const DWORD on = 1;
    sockaddr_storage name;
    const socklen_t size = to_native(address, name);
    const int queue = backlog > backlog_without_hint ? -backlog : backlog;
    if (::setsockopt(native, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&on),
                     sizeof on) != 0 ||
        ::bind(native, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
        ::listen(native, queue) != 0) {
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
    return ::shutdown(native_, SD_SEND) == 0;
}

void Socket::reset_on_close() noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current()) {
        simulated->reset_on_close(native_);
        return;
    }
    const linger at_once{1, 0};
    ::setsockopt(native_, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once),
                 sizeof at_once);
}

std::optional<Progress> Socket::progress() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->progress(native_);
    }
    TCP_INFO_v0 info{};
    if (!get_tcp_info(native_, info)) {
        return std::nullopt;
    }
    Progress result;
    // Bytes that were sent again, and probes of a closed window, count in BytesOut and say nothing
    // about the peer.
    const std::uint64_t not_new = std::uint64_t{info.BytesInFlight} + info.BytesRetrans;
    result.acknowledged_bytes = info.BytesOut > not_new ? info.BytesOut - not_new : 0;
    result.received_bytes = info.BytesIn;
    return result;
}

std::optional<std::uint64_t> Socket::unacknowledged_bytes() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->unacknowledged_bytes(native_);
    }
    TCP_INFO_v0 info{};
    if (!get_tcp_info(native_, info)) {
        return std::nullopt;
    }
    // BytesInFlight does not include bytes that wait in the send buffer for a closed window: those
    // are the bytes that we handed over less the bytes that left (retransmissions may count in
    // BytesOut, which makes the second part too small, never too large).
    const std::uint64_t unsent = sent_bytes_ > info.BytesOut ? sent_bytes_ - info.BytesOut : 0;
    return info.BytesInFlight + unsent;
}

std::uint64_t Socket::unread_bytes() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->unread_bytes(native_);
    }
    u_long bytes = 0;
    // For a stream this is all that can be received, not only the first segment.
    if (::ioctlsocket(native_, static_cast<long>(FIONREAD), &bytes) != 0) {
        return 0;
    }
    return bytes;
}

void Socket::close() noexcept {
    if (SimulatedSockets* simulated = SimulatedSockets::current(); simulated && is_open()) {
        simulated->close(native_);
        native_ = invalid_socket;
    }
    if (is_open()) {
        if (registry_ != nullptr) {
            registry_->remove(*this);
        }
        ::closesocket(native_);
        native_ = invalid_socket;
    }
}

}  // namespace portico::io
