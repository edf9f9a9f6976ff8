#include "system_sockets.hpp"

#include <netinet/tcp.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

namespace portico::chaos {

std::vector<SystemSocket> system_sockets(bool is_v6) {
    std::vector<SystemSocket> found;
    std::ifstream table(is_v6 ? "/proc/net/tcp6" : "/proc/net/tcp");
    std::string line;
    std::getline(table, line);  // the titles
    while (std::getline(table, line)) {
        unsigned local = 0, remote = 0, state = 0, to_send = 0, to_read = 0;
        if (std::sscanf(line.c_str(), " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %x:%x", &local, &remote,
                        &state, &to_send, &to_read) == 5) {
            found.push_back({static_cast<std::uint16_t>(local), static_cast<std::uint16_t>(remote),
                             state, to_send, to_read});
        }
    }
    return found;
}

namespace {

bool is_one_of(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
}

// Calls `use` with each socket of either family.
template <class Use>
void for_each_socket(const Use& use) {
    for (const bool is_v6 : {false, true}) {
        for (const SystemSocket& socket : system_sockets(is_v6)) {
            use(socket);
        }
    }
}

}  // namespace

std::uint64_t unheard_ends(const std::vector<std::uint16_t>& ports) {
    std::uint64_t count = 0;
    for_each_socket([&](const SystemSocket& socket) {
        const bool is_ending = socket.state == TCP_FIN_WAIT1 || socket.state == TCP_CLOSING ||
                               socket.state == TCP_LAST_ACK;
        count += is_ending && is_one_of(ports, socket.remote_port) ? 1 : 0;
    });
    return count;
}

BytesInSystem bytes_in_system(const std::vector<std::uint16_t>& ports) {
    BytesInSystem sum;
    for_each_socket([&](const SystemSocket& socket) {
        if (socket.state != TCP_LISTEN && is_one_of(ports, socket.local_port)) {
            sum.to_send += socket.to_send;
            sum.to_read += socket.to_read;
        }
    });
    return sum;
}

}  // namespace portico::chaos
