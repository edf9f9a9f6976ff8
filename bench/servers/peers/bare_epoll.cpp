// A server on bare epoll, by hand: edge-triggered, one registration for each connection, received
// until a read is short, answered at once. The first send of a connection that does not take
// everything asks for EPOLLOUT. It stays registered: with edges it costs nothing from then on.
#include <sys/epoll.h>

#include <array>
#include <memory>

#include "servers/common/posix.hpp"
#include "servers/common/protocol.hpp"

using namespace bench;

namespace {

class Server {
public:
    explicit Server(const Options& options)
        : mode_(options.mode), listener_(listen_on_loopback(options.port, SOCK_NONBLOCK)) {
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ < 0) fail_with_errno("epoll_create1");
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.ptr = nullptr;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0)
            fail_with_errno("epoll_ctl");
        announce_listener(listener_);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                           accept_again_ ? 100 : -1);
            if (count < 0 && errno != EINTR) fail_with_errno("epoll_wait");
            bool accept_due = accept_again_;
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                if (event.data.ptr == nullptr) {
                    accept_due = true;
                } else {
                    serve(*static_cast<Connection*>(event.data.ptr), event.events);
                }
            }
            if (accept_due) accept_all();
        }
    }

private:
    struct Connection {
        Connection(int accepted, Mode mode) noexcept : socket(accepted), protocol(mode) {}
        int socket;
        std::uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET;
        bool stopped = false;  // not read: too much is queued
        bool ended = false;    // by the peer: closed after all is sent
        Protocol protocol;
        Queue queue;
    };

    // If a peer sends as fast as it is answered, it gets so many full buffers before the others
    // have their turn.
    static constexpr int reads_max = 16;

    void accept_all() {
        accept_again_ = false;
        for (;;) {
            const int accepted = ::accept4(listener_, nullptr, nullptr,
                                           SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted < 0) {
                if (errno == EINTR || errno == ECONNABORTED) continue;
                // for example no descriptors: no edge comes for the waiting
                accept_again_ = errno != EAGAIN;
                return;
            }
            set_no_delay(accepted);
            auto connection = std::make_unique<Connection>(accepted, mode_);
            if (control(EPOLL_CTL_ADD, *connection)) {
                static_cast<void>(connection.release());
            } else {
                ::close(accepted);
            }
        }
    }

    bool control(int what, Connection& connection) noexcept {
        epoll_event event{};
        event.events = connection.events;
        event.data.ptr = &connection;
        return ::epoll_ctl(epoll_, what, connection.socket, &event) == 0;
    }

    // A connection has one event in a batch at most, so it can be deleted here.
    void serve(Connection& connection, std::uint32_t events) {
        bool goes_on = (events & EPOLLERR) == 0;
        bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
        if (goes_on && (events & EPOLLOUT) != 0 && !connection.queue.empty()) {
            goes_on = flush(connection);
            if (connection.stopped && connection.queue.size() <= queued_bytes_max) {
                connection.stopped = false;
                readable = true;  // the edge may have come before it was read again
            }
        }
        if (goes_on && readable && !connection.stopped && !connection.ended) {
            goes_on = receive(connection,
                              (events & (EPOLLRDHUP | EPOLLHUP)) != 0 || (events & EPOLLIN) == 0);
        }
        if (!goes_on || (connection.ended && connection.queue.empty())) {
            ::close(connection.socket);
            delete &connection;
        }
    }

    // `beyond_short`: goes on after a short read, because the end may be there already.
    bool receive(Connection& connection, bool beyond_short) {
        for (int reads = 0; reads < reads_max; ++reads) {
            const ssize_t received = ::recv(connection.socket, buffer_.data(), buffer_.size(), 0);
            if (received < 0) {
                if (errno == EINTR) continue;
                return errno == EAGAIN;
            }
            if (received == 0) {
                connection.ended = true;
                return true;
            }
            const auto size = static_cast<std::size_t>(received);
            std::string_view reply;
            if (!connection.protocol.answer({buffer_.data(), size}, scratch_, reply) ||
                !send(connection, reply))
                return false;
            if (connection.queue.size() > queued_bytes_max) {
                connection.stopped = true;
                return true;
            }
            if (size < buffer_.size() && !beyond_short) return true;
        }
        return control(EPOLL_CTL_MOD, connection);  // asks for the edge again
    }

    bool send(Connection& connection, std::string_view bytes) {
        if (bytes.empty()) return true;
        if (connection.queue.empty()) {
            const ssize_t sent = ::send(connection.socket, bytes.data(), bytes.size(),
                                        MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
            bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
            if (bytes.empty()) return true;
        }
        connection.queue.append(bytes);
        if ((connection.events & EPOLLOUT) == 0) {
            connection.events |= EPOLLOUT;
            // reports at once if it has become writable meanwhile
            return control(EPOLL_CTL_MOD, connection);
        }
        return true;
    }

    static bool flush(Connection& connection) {
        while (!connection.queue.empty()) {
            const std::string_view bytes = connection.queue.front();
            const ssize_t sent = ::send(connection.socket, bytes.data(), bytes.size(),
                                        MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno == EINTR) continue;
                return errno == EAGAIN;
            }
            connection.queue.consume(static_cast<std::size_t>(sent));
        }
        return true;
    }

    const Mode mode_;
    const int listener_;
    int epoll_ = -1;
    bool accept_again_ = false;
    std::array<char, receive_buffer_bytes> buffer_;
    std::string scratch_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv, modes_of_peers | bit_of(Mode::http));
    if (options.print_reply) {
        std::fwrite(http_reply.data(), 1, http_reply.size(), stdout);
        return 0;
    }
    prepare_process();
    static Server server(options);
    server.run();
}
