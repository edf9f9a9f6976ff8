// Winsock's extension functions, which each provider has of its own.
#pragma once

#include "io/native.hpp"

namespace portico::io::iocp {

struct Extensions {
    LPFN_ACCEPTEX accept = nullptr;
    LPFN_CONNECTEX connect = nullptr;
    LPFN_GETACCEPTEXSOCKADDRS accepted_addresses = nullptr;

    // Asks the provider of an address family (AF_INET, AF_INET6) for them. False: WSAGetLastError()
    // says why.
    [[nodiscard]] bool fetch(int family) noexcept;
};

}  // namespace portico::io::iocp
