#include "support/peer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "io/native.hpp"

#ifdef _WIN32
#else
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace portico::test {

namespace {

#ifdef _WIN32
struct Winsock {
    Winsock() {
        WSADATA data;
        ::WSAStartup(MAKEWORD(2, 2), &data);
    }
};
int last_error() {
    return ::WSAGetLastError();
}
bool is_interrupted(int) {
    return false;
}
bool is_timeout(int code) {
    return code == WSAETIMEDOUT || code == WSAEWOULDBLOCK;
}
bool is_reset(int code) {
    return code == WSAECONNRESET || code == WSAECONNABORTED;
}
constexpr int send_flags = 0;
int error_of_interrupted_connect(io::NativeSocket) {
    return WSAEINTR;
}
#else
int last_error() {
    return errno;
}
bool is_interrupted(int code) {
    return code == EINTR;
}
bool is_timeout(int code) {
    return code == EAGAIN || code == EWOULDBLOCK || code == ETIMEDOUT;
}
bool is_reset(int code) {
    return code == ECONNRESET || code == EPIPE;
}
constexpr int send_flags = MSG_NOSIGNAL;
// An interrupted connect goes on (connect(2)). This thread's io_uring interrupts calls that wait
// unless its work is deferred.
int error_of_interrupted_connect(int native) {
    const auto deadline = std::chrono::steady_clock::now() +
                          std::chrono::milliseconds(Peer::patience_ms);
    pollfd connecting{native, POLLOUT, 0};
    while (::poll(&connecting, 1, 100) <= 0) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return ETIMEDOUT;
        }
    }
    int code = 0;
    socklen_t size = sizeof code;
    return ::getsockopt(native, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}
#endif

template <class Value>
void set_option(io::NativeSocket native, int level, int option, const Value& value) {
    ::setsockopt(native, level, option, reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

Peer::Peer(Peer&& other) noexcept
    : native_(std::exchange(other.native_, io::invalid_socket)),
      reset_while_connecting_(std::exchange(other.reset_while_connecting_, false)) {}

Peer& Peer::operator=(Peer&& other) noexcept {
    if (this != &other) {
        close();
        native_ = std::exchange(other.native_, io::invalid_socket);
        reset_while_connecting_ = std::exchange(other.reset_while_connecting_, false);
    }
    return *this;
}

bool Peer::connect(const io::Address& address, int receive_buffer, int send_buffer) {
#ifdef _WIN32
    static const Winsock winsock;
#endif
    close();
    sockaddr_storage name;
    const socklen_t size = io::to_native(address, name);
    native_ = ::socket(name.ss_family, SOCK_STREAM, IPPROTO_TCP);
    if (native_ == io::invalid_socket) {
        return false;
    }
    set_option(native_, IPPROTO_TCP, TCP_NODELAY, 1);
    wait_at_most(patience_ms);
    if (receive_buffer != 0) {
        set_option(native_, SOL_SOCKET, SO_RCVBUF, receive_buffer);
    }
    if (send_buffer != 0) {
        set_option(native_, SOL_SOCKET, SO_SNDBUF, send_buffer);
    }
    if (::connect(native_, reinterpret_cast<sockaddr*>(&name), size) == 0) {
        return true;
    }
    int code = last_error();
    if (is_interrupted(code)) {
        code = error_of_interrupted_connect(native_);
    }
    // A missing listener gives another error (refused), so a reset means that the connection was
    // accepted and reset at once.
    reset_while_connecting_ = is_reset(code);
    if (code != 0 && !reset_while_connecting_) {
        close();
        return false;
    }
    return true;
}

void Peer::wait_at_most(int ms) {
#ifdef _WIN32
    const auto time = static_cast<DWORD>(ms);
#else
    const timeval time{ms / 1'000, (ms % 1'000) * 1'000};
#endif
    set_option(native_, SOL_SOCKET, SO_RCVTIMEO, time);
    set_option(native_, SOL_SOCKET, SO_SNDTIMEO, time);
}

bool Peer::send_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto part = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20));
#ifdef _WIN32
        const auto sent = ::send(native_, bytes.data(), part, send_flags);
#else
        const auto sent = ::send(native_, bytes.data(), static_cast<std::size_t>(part), send_flags);
#endif
        if (sent > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (!is_interrupted(last_error())) {
            return false;
        }
    }
    return true;
}

bool Peer::send_urgent(char byte) {
    return ::send(native_, &byte, 1, send_flags | MSG_OOB) == 1;
}

Peer::Received Peer::receive(std::span<char> into) {
    if (reset_while_connecting_) {
        return {Outcome::reset, 0};
    }
    for (;;) {
#ifdef _WIN32
        const auto received = ::recv(native_, into.data(), static_cast<int>(into.size()), 0);
#else
        const auto received = ::recv(native_, into.data(), into.size(), 0);
#endif
        if (received > 0) {
            return {Outcome::data, static_cast<std::size_t>(received)};
        }
        if (received == 0) {
            return {Outcome::end, 0};
        }
        const int code = last_error();
        if (is_interrupted(code)) {
            continue;
        }
        return {is_reset(code)     ? Outcome::reset
                : is_timeout(code) ? Outcome::timed_out
                                   : Outcome::failed,
                0};
    }
}

std::string Peer::receive_exactly(std::size_t bytes) {
    std::string all(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
        const Received part = receive(std::span(all).subspan(got));
        if (part.outcome != Outcome::data) {
            break;
        }
        got += part.bytes;
    }
    all.resize(got);
    return all;
}

std::string Peer::receive_to_end(Outcome& outcome) {
    constexpr std::size_t step = 64 * 1'024;
    std::string all;
    for (;;) {
        const std::size_t got = all.size();
        all.resize(got + step);
        const Received part = receive(std::span(all).subspan(got));
        all.resize(got + part.bytes);
        if (part.outcome != Outcome::data) {
            outcome = part.outcome;
            return all;
        }
    }
}

bool Peer::is_quiet_for(int ms) {
    wait_at_most(ms);
    char byte = 0;
    const Received part = receive({&byte, 1});
    wait_at_most(patience_ms);
    return part.outcome == Outcome::timed_out;
}

void Peer::finish_sending() {
    ::shutdown(native_, 1);  // SHUT_WR, SD_SEND
}

void Peer::close() {
    reset_while_connecting_ = false;
    if (is_open()) {
        io::close_native(std::exchange(native_, io::invalid_socket));
    }
}

void Peer::abort() {
    const linger at_once{1, 0};
    set_option(native_, SOL_SOCKET, SO_LINGER, at_once);
    close();
}

io::Address Peer::local_address() const {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(native_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        return {};
    }
    return io::from_native(name);
}

bool is_wine() {
#ifdef _WIN32
    return ::GetProcAddress(::GetModuleHandleA("ntdll.dll"), "wine_get_version") != nullptr;
#else
    return false;
#endif
}

bool is_abort(Peer::Outcome outcome) {
    return outcome == Peer::Outcome::reset || (is_wine() && outcome == Peer::Outcome::end);
}

bool is_aborted(Peer& peer) {
    Peer::Outcome outcome{};
    static_cast<void>(peer.receive_to_end(outcome));
    return is_abort(outcome);
}

}  // namespace portico::test
