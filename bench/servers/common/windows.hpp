// The socket calls that the servers on Windows share. The options are those of the host
// (host/io/socket_windows.cpp).
#pragma once

// clang-format off
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
// clang-format on

#include <string>

#include "servers/common/program.hpp"

namespace bench {

using NativeSocket = SOCKET;
constexpr NativeSocket no_socket = INVALID_SOCKET;

constexpr int backlog = -4'096;  // as in the host; negative as in SOMAXCONN_HINT

[[noreturn]] inline void fail_with_code(const char* what, int code = ::WSAGetLastError()) {
    fail(what, ("error " + std::to_string(code)).c_str());
}

inline void prepare_process() noexcept {
    WSADATA data;
    const int code = ::WSAStartup(MAKEWORD(2, 2), &data);
    if (code != 0) fail_with_code("WSAStartup", code);
}

inline SOCKET open_socket() noexcept {
    return ::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

inline SOCKET listen_on_loopback(std::uint16_t port) {
    const SOCKET listener = open_socket();
    if (listener == INVALID_SOCKET) fail_with_code("socket");
    const DWORD on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&on),
                 sizeof on);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = ::htons(port);
    name.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0)
        fail_with_code("bind");
    if (::listen(listener, backlog) != 0) fail_with_code("listen");
    return listener;
}

inline void announce_listener(SOCKET listener) {
    sockaddr_in name{};
    int size = sizeof name;
    if (::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) != 0)
        fail_with_code("getsockname");
    announce(::ntohs(name.sin_port));
}

inline void close_socket(SOCKET socket) noexcept {
    ::closesocket(socket);
}

inline void set_no_delay(SOCKET socket) noexcept {
    const DWORD on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&on), sizeof on);
}

}  // namespace bench
