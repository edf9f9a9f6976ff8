// Serves one client with blocking calls, for both blocking baselines.
#pragma once

#include <array>

#include "servers/common/protocol.hpp"
#ifdef _WIN32
#include "servers/common/windows.hpp"
#else
#include "servers/common/posix.hpp"
#endif

namespace bench {

// Waits for a client. `no_socket`: no socket was available.
inline NativeSocket accept_client(NativeSocket listener) {
#ifdef _WIN32
    const NativeSocket accepted = ::accept(listener, nullptr, nullptr);
#else
    const NativeSocket accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
#endif
    if (accepted != no_socket) set_no_delay(accepted);
    return accepted;
}

inline bool send_all(NativeSocket socket, std::string_view bytes) {
    while (!bytes.empty()) {
#ifdef _WIN32
        const int sent = ::send(socket, bytes.data(), static_cast<int>(bytes.size()), 0);
#else
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
#endif
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

// Serves the client until it ends, and then closes the socket.
inline void serve_client(NativeSocket socket, Mode mode) {
    Protocol protocol(mode);
    std::string scratch;
    std::array<char, receive_buffer_bytes> buffer;
    for (;;) {
#ifdef _WIN32
        const int received = ::recv(socket, buffer.data(), static_cast<int>(buffer.size()), 0);
#else
        const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), 0);
#endif
        if (received <= 0) break;
        std::string_view reply;
        if (!protocol.answer({buffer.data(), static_cast<std::size_t>(received)}, scratch, reply) ||
            !send_all(socket, reply))
            break;
    }
    close_socket(socket);
}

inline NativeSocket listen_blocking(const Options& options) {
#ifdef _WIN32
    const NativeSocket listener = listen_on_loopback(options.port);
#else
    const NativeSocket listener = listen_on_loopback(options.port, 0);
#endif
    announce_listener(listener);
    return listener;
}

}  // namespace bench
