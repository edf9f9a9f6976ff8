// The system's socket headers, and the conversions between its types and ours. For the .cpp files
// of io/ alone.
#pragma once

#ifdef _WIN32
// clang-format off
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
// clang-format on
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#include "io/address.hpp"
#include "io/error.hpp"

namespace portico::io {

// The size that was filled in; 0 for family none.
[[nodiscard]] socklen_t to_native(const Address& address, sockaddr_storage& native) noexcept;
[[nodiscard]] Address from_native(const sockaddr_storage& native) noexcept;

#ifdef _WIN32
// Calls WSAStartup at the first use, from any thread. Call it before the first socket call on every
// path.
void ensure_sockets_started() noexcept;
#endif

// For errno (Linux), or for GetLastError and WSAGetLastError (Windows).
[[nodiscard]] Error error_of(int native_error) noexcept;

}  // namespace portico::io
