#include "admin/client.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "io/address.hpp"
#include "io/completion_port.hpp"

namespace portico::admin {

namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t buffer_bytes = 16'384;
constexpr std::uint64_t answer_bytes_max = std::uint64_t{1} << 30;

// A listener on all addresses is asked on the loopback of its family.
io::Address reachable(io::Address address) noexcept {
    if (address.bytes == std::array<std::uint8_t, 16>{}) {
        if (address.family == io::Address::Family::v4) {
            address.bytes[0] = 127;
            address.bytes[3] = 1;
        } else {
            address.bytes[15] = 1;
        }
    }
    return address;
}

std::string to_text(const Call& call) {
    std::string text = call.method + ' ' + call.path + " HTTP/1.1\r\nHost: localhost\r\n" +
                       "Connection: close\r\n";
    if (!call.token.empty()) {
        text += "Authorization: Bearer " + call.token + "\r\n";
    }
    if (call.method == "POST") {
        text += "Content-Type: application/json\r\nContent-Length: " +
                std::to_string(call.body.size()) + "\r\n";
    }
    return text + "\r\n" + call.body;
}

// One connection on a port of its own. Operations complete one at a time.
class Exchange {
public:
    Exchange(io::CompletionPort& port, std::uint64_t deadline_ns)
        : port_(port), deadline_ns_(deadline_ns) {
        connect_.socket = send_.socket = receive_.socket = &socket_;
    }
    ~Exchange() {
        if (socket_.is_open()) {
            port_.close(socket_);
        }
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    base::Result<void> connect(const io::Address& address) {
        if (base::Result<void> opened = socket_.open_for_connect(address.family); !opened) {
            return opened;
        }
        if (base::Result<void> attached = port_.attach(socket_); !attached) {
            return attached;
        }
        connect_.remote = address;
        port_.connect(connect_);
        return finish(connect_, "nobody answers on " + io::to_string(address));
    }

    base::Result<void> send(const std::string& text) {
        for (std::size_t sent = 0; sent < text.size(); sent += send_.bytes) {
            const io::ConstBuffer rest{reinterpret_cast<const std::byte*>(text.data()) + sent,
                                       text.size() - sent};
            send_.buffers = std::span(&rest, 1);
            port_.send(send_);
            if (base::Result<void> done = finish(send_, "the host closed the connection"); !done) {
                return done;
            }
        }
        return {};
    }

    base::Result<Answer> receive() {
        http::response_parser<http::string_body> parser;
        parser.body_limit(answer_bytes_max);
        parser.eager(true);
        std::string rest;  // what the parser wants to see again
        for (bool has_ended = false; !parser.is_done();) {
            port_.receive(receive_);
            if (base::Result<void> done = finish(receive_, "the host closed the connection");
                !done) {
                if (receive_.error == io::Error::none && receive_.bytes != 0) {
                    port_.buffers().give_back(receive_.buffer);  // it came just too late
                }
                return base::Failure{done.error()};
            }
            boost::system::error_code error;
            has_ended = receive_.bytes == 0;
            if (has_ended) {
                parser.put_eof(error);
            } else {
                rest.append(reinterpret_cast<const char*>(receive_.buffer.data), receive_.bytes);
                port_.buffers().give_back(receive_.buffer);
                parse(parser, rest, error);
            }
            if (error || (has_ended && !parser.is_done())) {
                return base::Failure{"what answers is no host of Portico: its answer is not HTTP"};
            }
        }
        return Answer{parser.get().result_int(), std::move(parser.get().body())};
    }

private:
    template <class Parser>
    static void parse(Parser& parser, std::string& rest, boost::system::error_code& error) {
        for (std::size_t taken = 1; !rest.empty() && taken != 0 && !parser.is_done();) {
            taken = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
            rest.erase(0, taken);
            if (error == http::error::need_more) {
                error = {};
                return;
            }
            if (error) {
                return;
            }
        }
    }

    // Waits until the operation is back.
    base::Result<void> finish(io::Operation& operation, const std::string& what) {
        operation.completed = [](io::Operation&) {};
        std::array<io::Operation*, 4> done{};
        bool is_late = false;
        while (operation.in_flight) {
            const std::size_t count = port_.wait(done, is_late ? io::wait_forever : deadline_ns_);
            if (count == 0 && !is_late && port_.now() >= deadline_ns_) {
                is_late = true;
                port_.cancel(operation);
            }
        }
        if (is_late) {
            return base::Failure{"the host does not answer"};
        }
        if (operation.error != io::Error::none) {
            return base::Failure{what + ": " + io::native_error_text(operation.native_error),
                                 operation.type == io::OperationType::connect ? not_running : 0};
        }
        return {};
    }

    io::CompletionPort& port_;
    const std::uint64_t deadline_ns_;
    io::Socket socket_;
    io::ConnectOperation connect_;
    io::SendOperation send_;
    io::ReceiveOperation receive_;
};

}  // namespace

base::Result<Answer> call(const Call& call) {
    base::Result<io::HostPort> where = io::parse_host_port(call.address);
    if (!where) {
        return base::Failure{where.error()};
    }
    base::Result<std::vector<io::Address>> addresses = io::resolve(where->host, where->port);
    if (!addresses) {
        return base::Failure{addresses.error()};
    }
    io::BufferPool buffers(buffer_bytes, 4, io::BufferPool::Use::single);
    base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(io::standard_backend,
                                                                           buffers, {});
    if (!port) {
        return base::Failure{port.error()};
    }
    const std::uint64_t deadline_ns = (*port)->now() +
                                      static_cast<std::uint64_t>(call.timeout.count()) *
                                          base::nanoseconds_per_millisecond;
    base::Failure failure{"there is no address"};
    for (const io::Address& address : *addresses) {
        Exchange exchange(**port, deadline_ns);
        if (const base::Result<void> connected = exchange.connect(reachable(address)); !connected) {
            failure = {connected.error(), connected.kind()};
            continue;
        }
        if (const base::Result<void> sent = exchange.send(to_text(call)); !sent) {
            return base::Failure{sent.error()};
        }
        return exchange.receive();
    }
    return failure;
}

}  // namespace portico::admin
