// The common part of the benchmark's own clients: connections to a server on 127.0.0.1 that each
// have one message in flight, of 64 bytes, and check each reply. Linux only.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "servers/common/work.h"

namespace bench {

constexpr std::size_t message_bytes = 64;
constexpr std::size_t work_request_bytes = sizeof work_request - 1;

// main() sets both: the beginning of an error, and the line with the usage.
inline const char* program_name = "";
inline const char* program_usage = "";

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "%s: %s: %s\n", program_name, what, std::strerror(errno));
    std::exit(1);
}

inline unsigned long number_of(const char* text, unsigned long most) {
    char* end = nullptr;
    const unsigned long number = std::strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < 1 || number > most) {
        std::fprintf(stderr, "%s: \"%s\" is no number from 1 to %lu\n%s\n", program_name, text,
                     most, program_usage);
        std::exit(2);
    }
    return number;
}

class Connection {
public:
    [[nodiscard]] int socket() const noexcept { return socket_; }
    [[nodiscard]] std::uint64_t served() const noexcept { return served_; }

    // From now on each message asks for work.
    void ask_for_work() noexcept { std::memcpy(message_.data(), work_request, work_request_bytes); }

    void open(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        if (socket_ < 0 ||
            ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
            fail("connect");
        }
    }

    // Each message differs from the one before it and from those of connections with another
    // number.
    void send_next(std::uint32_t number) {
        unsigned char* const own = message_.data() + work_request_bytes;
        std::memcpy(own, &served_, sizeof served_);
        std::memcpy(own + sizeof served_, &number, sizeof number);
        if (::send(socket_, message_.data(), message_bytes, MSG_NOSIGNAL) !=
            static_cast<ssize_t>(message_bytes)) {
            fail("send");  // of 64 bytes into an empty buffer
        }
    }

    // Takes the reply's bytes that have come, with these flags of recv(). True: it is whole.
    bool receive(int flags) {
        std::array<unsigned char, message_bytes> piece;
        const ssize_t size = ::recv(socket_, piece.data(), message_bytes - received_, flags);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return false;
        }
        if (size <= 0) {
            fail("the server has ended a connection");
        }
        if (std::memcmp(piece.data(), message_.data() + received_,
                        static_cast<std::size_t>(size)) != 0) {
            std::fprintf(stderr, "%s: a reply is wrong\n", program_name);
            std::exit(3);
        }
        received_ += static_cast<std::size_t>(size);
        if (received_ < message_bytes) {
            return false;
        }
        received_ = 0;
        ++served_;
        return true;
    }

private:
    int socket_ = -1;
    std::uint64_t served_ = 0;
    std::size_t received_ = 0;  // of the reply that is due
    std::array<unsigned char, message_bytes> message_{};
};

}  // namespace bench
