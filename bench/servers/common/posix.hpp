// The socket calls that the servers on Linux share. The options are those of the host
// (host/io/socket_posix.cpp).
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "servers/common/program.hpp"

namespace bench {

using NativeSocket = int;
constexpr NativeSocket no_socket = -1;

constexpr int backlog = 4'096;  // as in the host; the system cuts it to its own maximum

[[noreturn]] inline void fail_with_errno(const char* what) {
    fail(what, std::strerror(errno));
}

// SIGTERM and SIGINT end the process with 0 at once, because no server here has anything to put in
// order. Also raises the limit of descriptors as far as possible.
inline void prepare_process() noexcept {
    struct sigaction action {};
    action.sa_handler = [](int) { ::_exit(0); };
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // libuv writes without MSG_NOSIGNAL
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}

// `type_flags`: SOCK_NONBLOCK or 0.
inline int listen_on_loopback(std::uint16_t port, int type_flags) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, IPPROTO_TCP);
    if (listener < 0) fail_with_errno("socket");
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0)
        fail_with_errno("bind");
    if (::listen(listener, backlog) != 0) fail_with_errno("listen");
    return listener;
}

inline void announce_listener(int listener) {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    if (::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) != 0)
        fail_with_errno("getsockname");
    announce(ntohs(name.sin_port));
}

inline void close_socket(NativeSocket socket) noexcept {
    ::close(socket);
}

inline void set_no_delay(int socket) noexcept {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace bench
