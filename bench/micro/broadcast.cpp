// A broadcast of 1 KiB to many connections on two workers, and two bare loops of `send` on the same
// sockets, in turn. It prints how long each takes until the last send has returned, its processor
// time, the ratios of the pairs (the median of the rounds, and their quartiles), and the memory
// that a broadcast takes.
//
//     broadcast [CONNECTIONS [ROUNDS [BACKEND]]]     [100], [40], epoll or io_uring
//
// The memory is counted in operator new: the most at any time of a broadcast, once while the peers
// read and once while no socket takes anything, so that every connection has to keep what it was
// sent.
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "micro/dispatch_world.hpp"
#include "net/connection_table.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"
#include "plugin/connections_functions.hpp"
#include "plugin/instance.hpp"

using namespace portico;

// ---- memory

namespace {

std::atomic<std::int64_t> allocated{0};
std::atomic<std::int64_t> allocated_most{0};

void* counted(void* memory) noexcept {
    if (memory != nullptr) {
        const auto size = static_cast<std::int64_t>(::malloc_usable_size(memory));
        const std::int64_t now = allocated.fetch_add(size, std::memory_order_relaxed) + size;
        std::int64_t most = allocated_most.load(std::memory_order_relaxed);
        while (now > most && !allocated_most.compare_exchange_weak(most, now)) {
        }
    }
    return memory;
}
void uncounted(void* memory) noexcept {
    if (memory != nullptr) {
        allocated.fetch_sub(static_cast<std::int64_t>(::malloc_usable_size(memory)),
                            std::memory_order_relaxed);
        std::free(memory);
    }
}
// Counts from now on.
std::int64_t begin_counting() noexcept {
    allocated_most.store(allocated.load());
    return allocated.load();
}

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return counted(std::malloc(size));
}
void* operator new(std::size_t size) {
    void* memory = counted(std::malloc(size));
    return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    const auto to = static_cast<std::size_t>(alignment);
    return counted(std::aligned_alloc(to, (size + to - 1) / to * to));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    void* memory = ::operator new(size, alignment, std::nothrow);
    return memory != nullptr ? memory : throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    uncounted(memory);
}

namespace {

constexpr std::size_t message_bytes = 1'024;
constexpr std::uint32_t workers = 2;

std::array<std::byte, message_bytes> message;

// ---- the sockets

// The peers are a process of their own, because each connection takes a descriptor at both ends.
class Peers {
public:
    // The servers' ends are the caller's.
    Peers(std::size_t connections, std::vector<int>& servers) {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const name = reinterpret_cast<sockaddr*>(&address);
        PORTICO_ASSERT(::bind(listener, name, size) == 0 && ::listen(listener, 1'024) == 0);
        PORTICO_ASSERT(::getsockname(listener, name, &size) == 0);
        PORTICO_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM, 0, orders_) == 0);
        process_ = ::fork();
        if (process_ == 0) {
            ::close(listener);
            ::close(orders_[0]);
            serve(connections, *name, orders_[1]);
        }
        PORTICO_ASSERT(process_ > 0);
        ::close(orders_[1]);
        for (std::size_t i = 0; i < connections; ++i) {
            const int server = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            PORTICO_ASSERT(server >= 0);
            const int on = 1;
            ::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            ::setsockopt(server, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
            servers.push_back(server);
        }
        ::close(listener);
    }
    // Closes their ends.
    ~Peers() {
        ::close(orders_[0]);
        ::waitpid(process_, nullptr, 0);
    }
    Peers(const Peers&) = delete;
    Peers& operator=(const Peers&) = delete;

    // They read everything that has come.
    void drain() {
        char order = 'd';
        PORTICO_ASSERT(::send(orders_[0], &order, 1, MSG_NOSIGNAL) == 1 &&
                       ::recv(orders_[0], &order, 1, 0) == 1);
    }

private:
    // Small, so that few bytes fill them all.
    static constexpr int buffer_bytes = 8'192;

    [[noreturn]] static void serve(std::size_t connections, const sockaddr& name, int orders) {
        std::vector<int> clients;
        for (std::size_t i = 0; i < connections; ++i) {
            clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            ::setsockopt(clients.back(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
            if (clients.back() < 0 || ::connect(clients.back(), &name, sizeof(sockaddr_in)) != 0) {
                std::_Exit(1);
            }
        }
        static std::array<char, 65'536> into;
        for (char order = 0; ::recv(orders, &order, 1, 0) == 1;) {
            for (const int client : clients) {
                while (::recv(client, into.data(), into.size(), MSG_DONTWAIT) > 0) {
                }
            }
            static_cast<void>(::send(orders, &order, 1, MSG_NOSIGNAL));
        }
        std::_Exit(0);
    }

    int orders_[2] = {-1, -1};
    pid_t process_ = -1;
};

// Until no socket takes anything.
void fill(const std::vector<int>& servers) {
    static const std::array<char, 16'384> zeros{};
    for (int tries = 0; tries < 5; ++tries) {
        for (const int server : servers) {
            while (::send(server, zeros.data(), zeros.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

void run_on(std::uint32_t processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<int>(processor), &set);
    static_cast<void>(::sched_setaffinity(0, sizeof set, &set));  // without it, it is less exact
}

// ---- the bare loops

class BareLoops {
public:
    explicit BareLoops(const std::vector<int>& all) {
        for (std::uint32_t loop = 0; loop < workers; ++loop) {
            std::vector<int> sockets;
            for (std::size_t i = loop; i < all.size(); i += workers) {
                sockets.push_back(all[i]);
            }
            threads_.emplace_back([this, loop, mine = std::move(sockets)] { run(loop, mine); });
        }
    }
    ~BareLoops() {
        is_ending_ = true;
        begin();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }
    BareLoops(const BareLoops&) = delete;
    BareLoops& operator=(const BareLoops&) = delete;

    void begin() {
        done_ = 0;
        ++round_;
        round_.notify_all();
    }
    [[nodiscard]] bool is_done() const { return done_ == workers; }

private:
    void run(std::uint32_t loop, const std::vector<int>& sockets) {
        run_on(loop);
        for (std::uint32_t round = 0;;) {
            round_.wait(round);
            ++round;
            if (is_ending_) {
                return;
            }
            for (const int socket : sockets) {
                PORTICO_ASSERT(
                    ::send(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
                    static_cast<ssize_t>(message_bytes));
            }
            ++done_;
        }
    }

    std::atomic<std::uint32_t> round_{0};
    std::atomic<std::uint32_t> done_{0};
    std::atomic<bool> is_ending_{false};
    std::vector<std::thread> threads_;
};

// ---- the host, with a plugin that is linked in

struct Speaker {
    const portico_host* host = nullptr;
    portico_instance* handle = nullptr;
    const portico_connections* connections = nullptr;
} speaker;

portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    speaker.host = setup->host;
    speaker.handle = setup->instance;
    constexpr std::string_view id = PORTICO_EXT_CONNECTIONS;
    speaker.connections = static_cast<const portico_connections*>(
        setup->host->get_extension(setup->instance, id.data(), id.size()));
    *self = &speaker;
    return PORTICO_OK;
}

std::atomic<std::uint32_t> joined{0};

portico_status PORTICO_CALL on_open(void*, portico_connection connection, const portico_opened*,
                                    void**) {
    const portico_status status = speaker.connections->join(speaker.handle, connection, 1);
    joined += status == PORTICO_OK ? 1 : 0;
    return status;
}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t size, const portico_frame*,
                                    std::uint64_t* consumed) {
    *consumed = size;
    return PORTICO_OK;
}

const portico_plugin& plugin_table() {
    static const portico_callbacks callbacks = [] {
        portico_callbacks made{};
        made.struct_size = sizeof made;
        made.on_open = on_open;
        made.on_data = on_data;
        return made;
    }();
    static const portico_plugin table = bench::plugin_named("speaker", callbacks, create);
    return table;
}

class Host {
public:
    Host(io::Backend backend, const std::vector<int>& all)
        : listener_(bench::listener_with({})),
          table_(static_cast<std::uint32_t>(all.size())),
          context_(bench::context_of(listener_, log_)) {
        instance_ = std::make_unique<plugin::Instance>(
            plugin::Loaded{nullptr, &plugin_table(), "speaker"}, listener_, log_);
        context_.protocol = instance_.get();
        context_.owner = this;
        context_.released = [](void* owner, const net::WorkerGroup&) {
            ++static_cast<Host*>(owner)->released_;
        };
        for (std::uint32_t worker = 0; worker < workers; ++worker) {
            homes_.push_back(std::make_unique<Home>());
            base::Result<std::unique_ptr<io::CompletionPort>> port = io::make_port(
                backend, homes_.back()->buffers, {});
            if (!port) {
                std::fprintf(stderr, "broadcast: %s\n", port.error().c_str());
                std::exit(77);
            }
            net::WorkerOptions options;
            options.first_index = worker;
            homes_.back()->group = std::make_unique<net::WorkerGroup>(
                std::move(*port), homes_.back()->chunks, options);
        }
        PORTICO_ASSERT(instance_->create(table_, context_, *homes_[0]->group, workers).empty());
        for (std::uint32_t worker = 0; worker < workers; ++worker) {
            run_on(worker);  // the thread that is made inherits it
            PORTICO_ASSERT(static_cast<bool>(homes_[worker]->group->start()));
            homes_[worker]->group->begin();
        }
        std::vector<net::WorkerGroup*> groups;
        for (const std::unique_ptr<Home>& home : homes_) {
            groups.push_back(home->group.get());
        }
        traffic_ = std::make_unique<net::Traffic>(groups);
        context_.traffic = traffic_.get();
        for (std::size_t i = 0; i < all.size(); ++i) {
            net::Connection* connection = table_.take();
            connection->take_socket(context_, all[i], {}, {}, 0);
            connection->open(*homes_[i % workers]->group, nullptr);
            connection->begin();
        }
        while (joined != all.size()) {
            std::this_thread::yield();
        }
    }
    // The peers have closed already.
    ~Host() {
        while (released_ != joined) {
            std::this_thread::yield();
        }
        instance_->finish();
        for (const std::unique_ptr<Home>& home : homes_) {
            home->group->stop();
        }
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    [[nodiscard]] std::uint64_t sends() const {
        std::uint64_t all = 0;
        for (const std::unique_ptr<Home>& home : homes_) {
            all += home->group->port().counters().sends;
        }
        return all;
    }

private:
    struct Home {
        io::BufferPool buffers{65'536, 64, io::BufferPool::Use::single,
                               net::SendQueue::chunk_overhead};
        io::BufferPool chunks{65'536 + net::SendQueue::chunk_overhead, 64,
                              io::BufferPool::Use::single};
        std::unique_ptr<net::WorkerGroup> group;
    };

    const config::Listener listener_;
    bench::SilentLog log_;
    net::ConnectionTable table_;
    std::unique_ptr<net::Traffic> traffic_;
    net::ConnectionContext context_;
    std::unique_ptr<plugin::Instance> instance_;
    std::vector<std::unique_ptr<Home>> homes_;
    std::atomic<std::uint32_t> released_{0};
};

void broadcast() {
    const portico_part part{message.data(), message.size()};
    PORTICO_ASSERT(speaker.connections->broadcast(speaker.handle, 1, 0, &part, 1, sizeof part,
                                                  PORTICO_WHEN_FULL_SKIP) == PORTICO_OK);
}

// ---- measuring

struct Taken {
    double wall_ms = 0;
    double cpu_ms = 0;  // of all threads of this process
};

double cpu_ms_of_process() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// The time until `is_done`, which is looked at several times in each millisecond.
template <class Begin, class IsDone>
Taken measure(Begin&& begin, IsDone&& is_done) {
    const auto begun = std::chrono::steady_clock::now();
    const double cpu = cpu_ms_of_process();
    begin();
    while (!is_done()) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - begun;
    return {wall.count(), cpu_ms_of_process() - cpu};
}

double quantile(std::vector<double> values, double at) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(at * static_cast<double>(values.size() - 1) + 0.5)];
}

void add(std::vector<double> (&times)[3], double host, double bare) {
    times[0].push_back(host / 2);
    times[1].push_back(bare / 2);
    times[2].push_back(host / bare);
}

void print(const char* what, const std::vector<double> (&times)[3]) {
    std::printf("%-24s %8.2f %8.2f   %.3f  (%.3f to %.3f)\n", what, quantile(times[0], 0.5),
                quantile(times[1], 0.5), quantile(times[2], 0.5), quantile(times[2], 0.25),
                quantile(times[2], 0.75));
}

void raise_limit_of_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    const auto connections = static_cast<std::size_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10)
                                                               : 100);
    const long rounds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 40;
    const std::string backend = argc > 3 ? argv[3] : "epoll";
    raise_limit_of_descriptors();
    std::memset(message.data(), 'x', message.size());
    std::vector<int> all;
    auto peers = std::make_unique<Peers>(connections, all);
    cpu_set_t everywhere;
    ::sched_getaffinity(0, sizeof everywhere, &everywhere);
    auto host = std::make_unique<Host>(
        backend == "io_uring" ? io::Backend::io_uring : io::Backend::epoll, all);
    auto bare = std::make_unique<BareLoops>(all);
    ::sched_setaffinity(0, sizeof everywhere, &everywhere);

    std::vector<double> wall[3], cpu[3];  // of the host, of the bare loops, and their ratio
    std::int64_t memory = 0;
    const auto host_turn = [&] {
        const std::int64_t before = begin_counting();
        const std::uint64_t sends = host->sends();
        const Taken taken = measure(broadcast,
                                    [&] { return host->sends() >= sends + connections; });
        memory = std::max(memory, allocated_most.load() - before);
        peers->drain();
        return taken;
    };
    const auto bare_turn = [&] {
        const Taken taken = measure([&] { bare->begin(); }, [&] { return bare->is_done(); });
        peers->drain();
        return taken;
    };
    for (long round = 0; round <= rounds; ++round) {
        const Taken a = host_turn(), b = bare_turn(), c = bare_turn(), d = host_turn();
        if (round != 0) {  // the first one warms up
            add(wall, a.wall_ms + d.wall_ms, b.wall_ms + c.wall_ms);
            add(cpu, a.cpu_ms + d.cpu_ms, b.cpu_ms + c.cpu_ms);
        }
    }
    std::printf("1 KiB to %zu connections, %s: broadcast, two bare loops, broadcast / bare\n",
                connections, backend.c_str());
    print("ms", wall);
    print("ms of processor time", cpu);
    fill(all);
    const std::int64_t before = begin_counting();
    const std::uint64_t sends = host->sends();
    static_cast<void>(measure(broadcast, [&] {
        return host->sends() >= sends + (backend == "io_uring" ? 0 : connections);
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    std::printf("KiB of memory            %8.0f, and %.0f if no peer reads\n",
                static_cast<double>(memory) / 1'024,
                static_cast<double>(allocated_most.load() - before) / 1'024);
    bare.reset();
    peers.reset();
    host.reset();
    return 0;
}
