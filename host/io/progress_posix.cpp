// The system's progress with a connection. It is not in socket_posix.cpp, because the C library's
// tcp_info ends before the members that are needed here, and the kernel's header cannot be included
// beside it.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

#include "io/simulated_sockets.hpp"

namespace portico::io {

std::optional<Progress> Socket::progress() const noexcept {
    if (const SimulatedSockets* simulated = SimulatedSockets::current()) {
        return simulated->progress(native_);
    }
    tcp_info info{};
    socklen_t size = sizeof info;
    // Kernels before 4.1 fill in less than this reads.
    if (::getsockopt(native_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        size < offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) {
        return std::nullopt;
    }
    Progress result;
    result.acknowledged_bytes = info.tcpi_bytes_acked;
    result.received_bytes = info.tcpi_bytes_received;
    result.newest_age_ms = std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv);
    return result;
}

}  // namespace portico::io
