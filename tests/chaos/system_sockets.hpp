// What the system says of the TCP sockets that it has, whoever's they are (/proc/net/tcp, proc(5)).
#pragma once

#include <cstdint>
#include <vector>

namespace portico::chaos {

struct SystemSocket {
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    unsigned state = 0;         // a number of <netinet/tcp.h>
    std::uint64_t to_send = 0;  // bytes that the other side has not acknowledged
};

[[nodiscard]] std::vector<SystemSocket> system_sockets(bool is_v6);

// Clients of `ports` that are closed, and whose end the system cannot get through to the other
// side: it was out of room when they closed. It tries again with pauses that double, up to two
// minutes.
[[nodiscard]] std::uint64_t unheard_ends(const std::vector<std::uint16_t>& ports);

}  // namespace portico::chaos
