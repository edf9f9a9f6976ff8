// A TCP socket as the completion ports see it: the system's handle and the little state that a
// backend keeps with it.
//
// Non-blocking (Linux) or overlapped (Windows), not inherited by child processes, TCP_NODELAY on.
// The calls here are the synchronous ones; everything that waits is an operation of a
// CompletionPort.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/result.hpp"
#include "io/address.hpp"
#include "io/error.hpp"

namespace portico::io {

#ifdef _WIN32
using NativeSocket = std::uintptr_t;  // SOCKET
inline constexpr NativeSocket invalid_socket = ~static_cast<NativeSocket>(0);
#else
using NativeSocket = int;
inline constexpr NativeSocket invalid_socket = -1;
#endif

class SocketRegistry;  // Windows: iocp_port

// When the system gives up a peer that no longer answers: one that lost its power or its network
// cannot close the connection.
struct PeerTimeouts {
    // Silence after which the system asks the peer whether it is still there; 0: it never asks. It
    // does not ask while bytes of ours are unacknowledged: retransmitting them asks as well, and
    // may take as long as the system likes.
    std::uint32_t keepalive_idle_ms = 0;
    std::uint32_t keepalive_interval_ms = 10'000;  // between two unanswered questions, from 1
    std::uint32_t keepalive_probes = 6;            // this many unanswered end it, from 1
    // The longest time that bytes may stay unacknowledged before the connection ends; 0: the system
    // decides. On Linux it also bounds how long a peer may keep its window shut, and takes the
    // place of keepalive_probes (tcp(7), TCP_USER_TIMEOUT).
    std::uint32_t unacknowledged_ms = 0;
};

// Closes a handle that no Socket owns yet (an accepted one that nobody wants).
void close_native(NativeSocket native) noexcept;

// The system's progress with a connection. Room to send is reported in large steps (Linux: a third
// of the send buffer), so a peer that reads slowly moves bytes for many seconds while no send
// completes. These counts show it.
struct Progress {
    // by the peer's system; on Linux the ends of the stream count as well
    std::uint64_t acknowledged_bytes = 0;
    std::uint64_t received_bytes = 0;  // by this system, whether or not they were read
    // Time since the peer's system was last heard: neither count has grown since then. 0 if the
    // system does not say.
    std::uint32_t newest_age_ms = 0;
};

// Owned by one Connection, listener or client session. It is type-stable: a backend that is shared
// by several threads may hold a late event for it after close(), so the object (not the handle)
// must outlive the port's last wait(), or be used again in place. A late event then does no more
// than cause one needless attempt to receive or send.
class Socket {
public:
    Socket() = default;
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    [[nodiscard]] bool is_open() const noexcept { return native_ != invalid_socket; }
    [[nodiscard]] NativeSocket native() const noexcept { return native_; }

    // Takes over an accepted handle. Must not be open.
    void adopt(NativeSocket native) noexcept;
    // Takes over the handle of `from`, which is not open afterwards: for CompletionPort::move().
    void take_over(Socket& from) noexcept { adopt(std::exchange(from.native_, invalid_socket)); }

    // Makes a socket to connect with. It is bound to `local` unless the family of that is none;
    // port 0 for any.
    [[nodiscard]] base::Result<void> open_for_connect(Address::Family family,
                                                      const Address& local = {});

    // Makes a socket to connect with from this address; its port is ignored. The system chooses the
    // port once it knows the destination, so the port is taken for that destination only; one of
    // open_for_connect() with a `local` is taken for all (Linux: IP_BIND_ADDRESS_NO_PORT; Windows:
    // SO_REUSE_UNICASTPORT). So local_address() may have no port before the connect. Fails when the
    // address is not one of this machine, and names it.
    [[nodiscard]] base::Result<void> open_for_connect_from(const Address& source);

    // For a socket to connect with: these timeouts, as far as the system takes them.
    void set_timeouts(const PeerTimeouts& timeouts) noexcept;

    // Binds and listens; port 0 takes a free one (see local_address). Linux: SO_REUSEADDR, so that
    // a restart does not wait for old connections; Windows: SO_EXCLUSIVEADDRUSE, since SO_REUSEADDR
    // there lets another process take the port. IPV6_V6ONLY is always on. Accepted sockets have
    // these timeouts, as far as the system takes them. The text of an error names the address, its
    // kind is an Error. Windows: while another process has the address, this tries again until
    // `retry_until_ns` (base::now_ns), since after a crash the connections of the process before
    // may hold it for a moment.
    [[nodiscard]] base::Result<void> listen(const Address& address, int backlog,
                                            const PeerTimeouts& timeouts = {},
                                            std::uint64_t retry_until_ns = 0);

    // Family none if the system does not know (any more).
    [[nodiscard]] Address local_address() const noexcept;
    [[nodiscard]] Address peer_address() const noexcept;

    // Sends the end of stream after what was sent. No send may be in flight. False if the
    // connection is gone already.
    bool shutdown_send() noexcept;

    // After this close() resets the connection instead of ending it in order.
    void reset_on_close() noexcept;

    // Bytes that the system accepted and the peer's system has not acknowledged; nothing if the
    // system does not say (Windows before 10 1703, Wine).
    [[nodiscard]] std::optional<std::uint64_t> unacknowledged_bytes() const noexcept;

    // Nothing if the system does not say (Windows before 10 1703, Wine, Linux before 4.1).
    [[nodiscard]] std::optional<Progress> progress() const noexcept;

    // Bytes of the peer that wait in the system to be received; 0 if the system does not say.
    [[nodiscard]] std::uint64_t unread_bytes() const noexcept;

    // Closes the handle. No operation may be in flight. Does nothing when not open.
    void close() noexcept;

private:
    friend class EpollPort;
    friend class IocpPort;
    friend class SocketRegistry;
    friend class UringPort;

    void reset_state() noexcept;
    [[nodiscard]] base::Result<void> bind_or_close(const Address& local);
#ifdef _WIN32
    [[nodiscard]] base::Result<void> try_listen(const Address& address, int backlog,
                                                const PeerTimeouts& timeouts);
#endif

    NativeSocket native_ = invalid_socket;
    bool is_listener_ = false;
    bool is_shut_down_ = false;  // shutdown_send() was called
    // A backend's state of the socket, one word for each direction. The backend documents its
    // meaning and the pairing of its accesses. Zeroed whenever a handle comes in.
    std::atomic<std::uintptr_t> receive_state_{0};
    std::atomic<std::uintptr_t> send_state_{0};
#ifdef _WIN32
    void set_accepted_timeouts(NativeSocket accepted) const noexcept;

    // of a listener: the family of the sockets it accepts
    Address::Family listener_family_ = Address::Family::none;
    PeerTimeouts accepted_timeouts_;  // of a listener: those of the sockets it accepts
    bool skips_packets_ = false;      // attach(): a call that succeeds at once brings no packet
    bool receives_often_ = false;     // the next receive may hold a buffer while it waits
    std::uint64_t last_data_ms_ = 0;  // GetTickCount64 of the last receive, or of the attach
    std::uint64_t sent_bytes_ = 0;    // taken by the system so far
    // When a receive in the system took a buffer that it still holds (GetTickCount64); 0: it holds
    // none. Relaxed: written before the release of receive_state_ that announces the receive, read
    // again after an acquire of it.
    std::atomic<std::uint64_t> buffer_posted_ms_{0};
    // The attached port's list of its sockets; guarded by the registry.
    SocketRegistry* registry_ = nullptr;
    Socket* registered_before_ = nullptr;
    Socket* registered_after_ = nullptr;
#endif
};

}  // namespace portico::io
