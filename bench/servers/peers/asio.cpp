// A server on Asio (stand-alone), on whichever backend it is built for: the reactor on epoll,
// io_uring, or the completion port of Windows.
//
// The shape is that of Asio's own echo server: async_read_some, async_write, and again. A
// connection has one operation at a time, so it is read only after its answer is written, and never
// has more queued than the answers to one buffer. One thread runs the io_context, and Asio is set
// up for that: on Linux with ASIO_CONCURRENCY_HINT_UNSAFE and ASIO_DISABLE_THREADS (no locks in
// it), on Windows with the hint 1, which the completion port gets. Handlers use Asio's recycling
// allocator: an open connection allocates nothing.
#include <asio.hpp>

#include <array>
#include <chrono>
#include <memory>

#include "servers/common/protocol.hpp"
#ifndef _WIN32
#include "servers/common/posix.hpp"
#endif

using namespace bench;
using asio::ip::tcp;

namespace {

// The handler of its one operation owns it and is moved along: there is no reference count, which
// would be atomic.
class Session {
public:
    Session(tcp::socket socket, Mode mode) : socket_(std::move(socket)), protocol_(mode) {}

    static void read(std::unique_ptr<Session> session) {
        Session& self = *session;
        self.socket_.async_read_some(asio::buffer(self.buffer_),
                                     [session = std::move(session)](const asio::error_code& error,
                                                                    std::size_t size) mutable {
                                         if (!error) answer(std::move(session), size);
                                     });
    }

private:
    static void answer(std::unique_ptr<Session> session, std::size_t size) {
        Session& self = *session;
        std::string_view reply;
        if (!self.protocol_.answer({self.buffer_.data(), size}, self.scratch_, reply)) return;
        if (reply.empty()) {
            read(std::move(session));
            return;
        }
        asio::async_write(
            self.socket_, asio::buffer(reply.data(), reply.size()),
            [session = std::move(session)](const asio::error_code& error, std::size_t) mutable {
                if (!error) read(std::move(session));
            });
    }

    tcp::socket socket_;
    Protocol protocol_;
    std::string scratch_;  // not shared: it is read until the write ends
    std::array<char, receive_buffer_bytes> buffer_;
};

class Server {
public:
    explicit Server(const Options& options) : mode_(options.mode), acceptor_(context_) {
        const tcp::endpoint name(asio::ip::address_v4::loopback(), options.port);
        acceptor_.open(name.protocol());
#ifndef _WIN32
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
#endif
        acceptor_.bind(name);
        acceptor_.listen(4'096);
        announce(acceptor_.local_endpoint().port());
    }

    void run() {
        accept();
        context_.run();
    }

private:
    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
            if (!error) {
                asio::error_code ignored;
                socket.set_option(tcp::no_delay(true), ignored);
                Session::read(std::make_unique<Session>(std::move(socket), mode_));
            }
            if (error == asio::error::no_descriptors) {
                later_.expires_after(std::chrono::milliseconds(100));
                later_.async_wait([this](const asio::error_code&) { accept(); });
            } else {
                accept();
            }
        });
    }

    const Mode mode_;
#ifdef _WIN32
    asio::io_context context_{1};
#else
    asio::io_context context_{ASIO_CONCURRENCY_HINT_UNSAFE};
#endif
    tcp::acceptor acceptor_;
    asio::steady_timer later_{context_};
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv, modes_of_peers);
#ifndef _WIN32
    prepare_process();
#endif
    try {
        Server server(options);
        server.run();
    } catch (const std::exception& error) {
        fail("asio", error.what());
    }
}
