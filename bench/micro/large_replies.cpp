// Replies of 100 KB over loopback: `send`, `send_owned`, and a bare loop with sendmsg, in turn. It
// prints the processor time of the serving thread for each reply, and the ratios of the pairs: the
// median of the rounds, and their quartiles.
//
//     large_replies [MESSAGES [ROUNDS [BACKEND]]]     of each turn [300], [40], epoll or io_uring
//
// A round is two turns of each kind, in both orders. The client is this program's main thread, on
// another processor; the serving thread's time is the process's less its own.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "micro/dispatch_world.hpp"
#include "net/connection_table.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"
#include "plugin/send_owned_functions.hpp"

using namespace portico;

namespace {

constexpr std::size_t reply_bytes = 100'000;

// What a plugin would have in its cache.
std::array<std::byte, reply_bytes> reply;

struct Ends {
    int client = -1;
    int server = -1;
};

Ends connected_pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    PORTICO_ASSERT(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    PORTICO_ASSERT(::listen(listener, 1) == 0);
    PORTICO_ASSERT(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    Ends ends;
    ends.client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    PORTICO_ASSERT(::connect(ends.client, reinterpret_cast<sockaddr*>(&address), size) == 0);
    ends.server = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    PORTICO_ASSERT(ends.server >= 0);
    ::close(listener);
    const int on = 1;
    for (const int end : {ends.client, ends.server}) {
        ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return ends;
}

// ---- the bare loop

class BareLoop {
public:
    explicit BareLoop(int socket) : socket_(socket), thread_([this] { run(); }) {}
    // The client's end is closed already.
    ~BareLoop() { thread_.join(); }
    BareLoop(const BareLoop&) = delete;
    BareLoop& operator=(const BareLoop&) = delete;

private:
    void run() {
        const int poll = ::epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        PORTICO_ASSERT(::epoll_ctl(poll, EPOLL_CTL_ADD, socket_, &event) == 0);
        std::size_t left = 0;
        for (bool open = true; open;) {
            std::array<char, 16'384> received;
            const ssize_t count = ::recv(socket_, received.data(), received.size(), 0);
            open = count != 0 && (count > 0 || errno == EAGAIN);
            left += count > 0 ? reply_bytes * static_cast<std::size_t>(count) : 0;
            while (left != 0) {
                iovec part{reply.data(), std::min(left, reply_bytes)};
                msghdr message{};
                message.msg_iov = &part;
                message.msg_iovlen = 1;
                const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
                if (sent < 0) {
                    break;
                }
                left -= static_cast<std::size_t>(sent);
            }
            if (open && count < 0) {
                ::epoll_wait(poll, &event, 1, -1);
            }
        }
        ::close(poll);
        ::close(socket_);
    }

    const int socket_;
    std::thread thread_;
};

// ---- the host, with a plugin that is linked in

struct Replies {
    const portico_host* host = nullptr;
    portico_instance* handle = nullptr;
    const portico_send_owned* owned = nullptr;
    bool is_owned = false;
    std::uint64_t released = 0;
} replies;

void PORTICO_CALL released(void*, portico_connection, void*, void*, portico_status) {
    ++replies.released;
}

portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    replies.host = setup->host;
    replies.handle = setup->instance;
    constexpr std::string_view id = PORTICO_EXT_SEND_OWNED;
    replies.owned = static_cast<const portico_send_owned*>(
        setup->host->get_extension(setup->instance, id.data(), id.size()));
    *self = &replies;
    return PORTICO_OK;
}

portico_status PORTICO_CALL on_data(void*, portico_connection connection, void*,
                                    const std::uint8_t*, std::uint64_t size, const portico_frame*,
                                    std::uint64_t* consumed) {
    *consumed = size;
    if (!replies.is_owned) {
        return replies.host->send(replies.handle, connection, reply.data(), reply_bytes);
    }
    const portico_part part{reply.data(), reply_bytes};
    return replies.owned->send(replies.handle, connection, &part, 1, sizeof part, released,
                               nullptr);
}

const portico_plugin& plugin_table() {
    static const portico_callbacks callbacks = [] {
        portico_callbacks made{};
        made.struct_size = sizeof made;
        made.on_data = on_data;
        return made;
    }();
    static const portico_plugin table = bench::plugin_named("replies", callbacks, create);
    return table;
}

class Host {
public:
    Host(io::Backend backend, int socket)
        : listener_(bench::listener_with({})), context_(bench::context_of(listener_, log_)) {
        base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(backend, buffers_,
                                                                               {});
        if (!port) {
            std::fprintf(stderr, "large_replies: %s\n", port.error().c_str());
            std::exit(77);
        }
        group_ = std::make_unique<net::WorkerGroup>(std::move(*port), chunks_,
                                                    net::WorkerOptions{});
        instance_ = std::make_unique<plugin::Instance>(
            plugin::Loaded{nullptr, &plugin_table(), "replies"}, listener_, log_);
        context_.protocol = instance_.get();
        context_.owner = this;
        traffic_ = std::make_unique<net::Traffic>(std::vector{group_.get()});
        context_.traffic = traffic_.get();
        context_.released = [](void* owner, const net::WorkerGroup&) {
            static_cast<Host*>(owner)->is_over_.store(true, std::memory_order_release);
        };
        PORTICO_ASSERT(instance_->create(table_, context_, *group_, 1).empty());
        PORTICO_ASSERT(static_cast<bool>(group_->start()));
        group_->begin();
        net::Connection* connection = table_.take();
        connection->take_socket(context_, socket, {}, {}, 0);
        connection->open(*group_, nullptr);
        connection->begin();
    }
    // The client's end is closed already.
    ~Host() {
        wait_until_over();
        instance_->finish();
        group_->stop();
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    void wait_until_over() const {
        while (!is_over_.load(std::memory_order_acquire)) {
            std::this_thread::yield();
        }
    }

private:
    const config::Listener listener_;
    bench::SilentLog log_;
    io::BufferPool buffers_{65'536, 64, io::BufferPool::Use::single,
                            net::SendQueue::chunk_overhead};
    io::BufferPool chunks_{65'536 + net::SendQueue::chunk_overhead, 64,
                           io::BufferPool::Use::single};
    net::ConnectionTable table_{1};
    std::unique_ptr<net::Traffic> traffic_;
    net::ConnectionContext context_;
    std::unique_ptr<plugin::Instance> instance_;
    std::unique_ptr<net::WorkerGroup> group_;
    std::atomic<bool> is_over_{false};
};

// ---- measuring

double cpu_us(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

double cpu_of_server() {
    return cpu_us(RUSAGE_SELF) - cpu_us(RUSAGE_THREAD);
}

// Returns the serving thread's time for each reply.
double turn(int client, long messages) {
    static std::array<char, 262'144> into;
    const double before = cpu_of_server();
    for (long i = 0; i < messages; ++i) {
        PORTICO_ASSERT(::send(client, "?", 1, 0) == 1);
        for (std::size_t left = reply_bytes; left != 0;) {
            const ssize_t count = ::recv(client, into.data(), std::min(left, into.size()), 0);
            PORTICO_ASSERT(count > 0);
            left -= static_cast<std::size_t>(count);
        }
    }
    return (cpu_of_server() - before) / static_cast<double>(messages);
}

void run_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    static_cast<void>(::sched_setaffinity(0, sizeof set, &set));  // without it, it is less exact
}

double quantile(std::vector<double> values, double at) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(at * static_cast<double>(values.size() - 1) + 0.5)];
}

void print_ratio(const char* what, const std::vector<double>& above,
                 const std::vector<double>& below) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < above.size(); ++i) {
        ratios.push_back(above[i] / below[i]);
    }
    std::printf("%-24s %.3f  (%.3f to %.3f)\n", what, quantile(ratios, 0.5), quantile(ratios, 0.25),
                quantile(ratios, 0.75));
}

}  // namespace

int main(int argc, char** argv) {
    const long messages = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 300;
    const long rounds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 40;
    const std::string backend = argc > 3 ? argv[3] : "epoll";
    std::memset(reply.data(), 'x', reply.size());
    run_on(0);  // the threads that are made now inherit it
    const Ends bare_ends = connected_pair();
    const Ends host_ends = connected_pair();
    BareLoop bare(bare_ends.server);
    Host host(backend == "io_uring" ? io::Backend::io_uring : io::Backend::epoll, host_ends.server);
    run_on(1);
    std::vector<double> copied, owned, plain;
    long owned_replies = 0;
    const auto turn_of_host = [&](bool is_owned) {
        replies.is_owned = is_owned;  // the server waits for a request, and sees this after it
        owned_replies += is_owned ? messages : 0;
        return turn(host_ends.client, messages);
    };
    for (long round = 0; round <= rounds; ++round) {
        double a = turn_of_host(false), b = turn_of_host(true),
               c = turn(bare_ends.client, messages);
        c += turn(bare_ends.client, messages);
        b += turn_of_host(true);
        a += turn_of_host(false);
        if (round != 0) {  // the first one warms up
            copied.push_back(a / 2);
            owned.push_back(b / 2);
            plain.push_back(c / 2);
        }
    }
    std::printf("us a reply of %zu bytes, %s: send %.1f, send_owned %.1f, bare sendmsg %.1f\n",
                reply_bytes, backend.c_str(), quantile(copied, 0.5), quantile(owned, 0.5),
                quantile(plain, 0.5));
    print_ratio("send_owned / send", owned, copied);
    print_ratio("send_owned / sendmsg", owned, plain);
    ::close(host_ends.client);
    ::close(bare_ends.client);
    host.wait_until_over();
    const bool all = replies.released == static_cast<std::uint64_t>(owned_replies);
    std::printf("%s\n", all ? "every release came" : "releases are missing");
    return all ? 0 : 1;
}
