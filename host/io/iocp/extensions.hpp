// Winsock's extension functions. Each provider has its own.
#pragma once

#include "io/native.hpp"

namespace portico::io::iocp {

struct Extensions {
    LPFN_ACCEPTEX accept = nullptr;
    LPFN_CONNECTEX connect = nullptr;
    LPFN_GETACCEPTEXSOCKADDRS accepted_addresses = nullptr;

    // Fetches them from the provider of an address family (AF_INET, AF_INET6). False:
    // WSAGetLastError() says why.
    [[nodiscard]] bool fetch(int family) noexcept;
};

}  // namespace portico::io::iocp
