// The TCP sockets of the whole system, of any program (/proc/net/tcp, proc(5)).
#pragma once

#include <cstdint>
#include <vector>

namespace portico::chaos {

struct SystemSocket {
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    unsigned state = 0;         // a number of <netinet/tcp.h>
    std::uint64_t to_send = 0;  // bytes that the other side has not acknowledged
    std::uint64_t to_read = 0;  // bytes that the program has not read
};

[[nodiscard]] std::vector<SystemSocket> system_sockets(bool is_v6);

// Closed clients of `ports` whose end the system cannot get through to the other side, which was
// out of room when they closed. The system tries again with pauses that double, up to two minutes.
[[nodiscard]] std::uint64_t unheard_ends(const std::vector<std::uint16_t>& ports);

// The bytes in both directions that the system's buffers hold for the server's side of connections
// to `ports`: those that the server has not read, and those that its peers have not acknowledged.
// While this changes, the server is at work, even if its peers notice nothing.
struct BytesInSystem {
    std::uint64_t to_send = 0, to_read = 0;

    [[nodiscard]] friend bool operator==(const BytesInSystem&, const BytesInSystem&) = default;
};
[[nodiscard]] BytesInSystem bytes_in_system(const std::vector<std::uint16_t>& ports);

}  // namespace portico::chaos
