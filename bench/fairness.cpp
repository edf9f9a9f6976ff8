// How fairly a server serves many connections. Each of them always has one message on its way; after some seconds the most and the least
// served are compared, and how many were served at all.
//
//     fairness PORT CONNECTIONS SECONDS
//
// Each reply is checked. This side treats the connections alike: whoever is ready is served once, then the others. Linux only.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t message_bytes = 64;

struct Connection {
    int socket = -1;
    std::uint64_t served = 0;
    std::size_t received = 0;  // of the reply that is due
    std::array<unsigned char, message_bytes> message{};
};

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "fairness: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

unsigned long number_of(const char* text, unsigned long most) {
    char* end = nullptr;
    const unsigned long number = std::strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < 1 || number > most) {
        std::fprintf(stderr, "fairness: \"%s\" is no number from 1 to %lu\nusage: fairness PORT CONNECTIONS SECONDS\n", text, most);
        std::exit(2);
    }
    return number;
}

// Each message differs from the one before it and from the other connections'.
void send_next(Connection& connection, std::uint32_t number) {
    std::memcpy(connection.message.data(), &connection.served, sizeof connection.served);
    std::memcpy(connection.message.data() + sizeof connection.served, &number, sizeof number);
    if (::send(connection.socket, connection.message.data(), message_bytes, MSG_NOSIGNAL) != static_cast<ssize_t>(message_bytes)) {
        fail("send");  // of 64 bytes into an empty buffer
    }
}

// What has come of the reply, and the next message once it is whole.
void serve(Connection& connection, std::uint32_t number) {
    std::array<unsigned char, message_bytes> piece;
    const ssize_t size = ::recv(connection.socket, piece.data(), message_bytes - connection.received, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        fail("the server has ended a connection");
    }
    if (std::memcmp(piece.data(), connection.message.data() + connection.received, static_cast<std::size_t>(size)) != 0) {
        std::fprintf(stderr, "fairness: a reply is wrong\n");
        std::exit(3);
    }
    connection.received += static_cast<std::size_t>(size);
    if (connection.received == message_bytes) {
        connection.received = 0;
        ++connection.served;
        send_next(connection, number);
    }
}

void open(Connection& connection, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (connection.socket < 0 || ::connect(connection.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        fail("connect");
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: fairness PORT CONNECTIONS SECONDS\n");
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(number_of(argv[1], 65'535));
    const auto count = static_cast<std::uint32_t>(number_of(argv[2], 100'000));
    const std::chrono::seconds span(number_of(argv[3], 3'600));

    std::vector<Connection> connections(count);
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) {
        fail("epoll_create1");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        open(connections[i], port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = i;
        if (::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket, &event) != 0) {
            fail("epoll_ctl");
        }
    }
    const auto end = std::chrono::steady_clock::now() + span;
    for (std::uint32_t i = 0; i < count; ++i) {
        send_next(connections[i], i);
    }
    std::vector<epoll_event> ready(count);
    while (std::chrono::steady_clock::now() < end) {
        const int events = ::epoll_wait(poll, ready.data(), static_cast<int>(count), 1'000);
        if (events < 0 && errno != EINTR) {
            fail("epoll_wait");
        }
        for (int i = 0; i < events; ++i) {
            const std::uint32_t number = ready[static_cast<std::size_t>(i)].data.u32;
            serve(connections[number], number);
        }
    }
    std::uint64_t least = UINT64_MAX, most = 0, all = 0, any = 0;
    for (const Connection& connection : connections) {
        least = std::min(least, connection.served);
        most = std::max(most, connection.served);
        all += connection.served;
        any += connection.served != 0;
    }
    std::printf("messages %llu\nleast %llu\nmost %llu\nserved %llu\n", static_cast<unsigned long long>(all),
                static_cast<unsigned long long>(least), static_cast<unsigned long long>(most), static_cast<unsigned long long>(any));
    return 0;
}
