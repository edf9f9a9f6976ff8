// Out of descriptors (Linux): each call that needs one reports it in words, leaves none behind, and
// works again when there are some.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "io/completion_port.hpp"
#include "io/process_limits.hpp"
#include "net/acceptor.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/next_descriptor.hpp"
#include "support/peer.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// While it lives, the process may have only so many more descriptors. (The lowest free numbers must
// be consecutive, as they are in these tests.)
class FewDescriptors {
public:
    explicit FewDescriptors(int more) {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(next_descriptor() + more);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

private:
    rlimit before_{};
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// No side sends on its connections.
class SilentProtocol final : public net::Protocol {
public:
    bool on_open(net::Connection& connection, std::uint32_t) noexcept override {
        ++opened;
        static_cast<void>(connection.close(connection.generation(), net::CloseHow::abort));
        return true;
    }
    Answer on_data(net::Connection&, const Message&, std::size_t&) noexcept override {
        return Answer::ok;
    }
    Answer on_writable(net::Connection&) noexcept override { return Answer::ok; }
    Ending on_end(net::Connection&, const Ended&) noexcept override { return Ending::close; }
    Ending on_drain(net::Connection&, const net::Draining&) noexcept override {
        return Ending::close;
    }
    void on_close(net::Connection&, const Closed&) noexcept override {}
    void on_posted(net::Connection&, net::AnyFunction, void*, bool) noexcept override {}
    void on_released(net::Connection&, net::AnyFunction, void*, bool) noexcept override {}

    std::atomic<int> opened{0};
};

class KeepingLog final : public base::Log {
public:
    KeepingLog() : Log(base::LogLevel::warn) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view text) noexcept override {
        const std::scoped_lock lock(mutex_);
        lines_.emplace_back(text);
    }
    std::vector<std::string> lines() {
        const std::scoped_lock lock(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

// A listener on a worker with a thread of its own.
struct Station {
    Station() {
        io::PortOptions options;
        auto port = io::make_port(io::Backend::epoll, buffers, options);
        REQUIRE(port);
        group.emplace(std::move(*port), chunks, net::WorkerOptions{});
        context.listener_name = "one";
        context.protocol = &protocol;
        context.log = &log;
        acceptor.emplace(table, *group, std::vector<net::WorkerGroup*>{&*group}, nullptr, context);
    }
    void stop() {
        std::atomic<bool> stopped{false};
        acceptor->stop([&] { stopped = true; });
        REQUIRE(eventually([&] { return stopped && acceptor->open_connections() == 0; }));
        group->stop();
    }

    io::BufferPool buffers{512, 16};
    io::BufferPool chunks{1'024, 16};
    net::ConnectionTable table{4};
    SilentProtocol protocol;
    KeepingLog log;
    net::ConnectionContext context;
    std::optional<net::WorkerGroup> group;
    std::optional<net::Acceptor> acceptor;
};

}  // namespace

TEST_CASE("a port that gets no descriptor, or one too few, says which it was and keeps none",
          "[io][descriptors]") {
    const int more = GENERATE(0, 1);
    io::BufferPool buffers(64, 1);
    const int before = next_descriptor();
    {
        const FewDescriptors few(more);
        const auto port = io::make_port(io::Backend::epoll, buffers, {});
        REQUIRE_FALSE(port);
        CHECK(has(port.error(),
                  more == 0 ? "cannot make an epoll instance: " : "cannot make an eventfd: "));
        CHECK(has(port.error(), std::to_string(EMFILE)));
    }
    CHECK(next_descriptor() == before);
    CHECK(io::make_port(io::Backend::epoll, buffers, {}));
}

TEST_CASE("a socket that gets no descriptor says what it was for", "[io][descriptors]") {
    io::Socket socket;
    {
        const FewDescriptors none(0);
        CHECK(has(socket.open_for_connect(io::Address::Family::v4).error(),
                  "cannot open a socket: "));
        CHECK(has(socket.listen(loopback(), 1).error(), "cannot open a socket for 127.0.0.1:0"));
        CHECK_FALSE(socket.is_open());
    }
}

TEST_CASE("a socket joins one port once", "[io][descriptors]") {
    io::BufferPool buffers(64, 1);
    auto port = io::make_port(io::Backend::epoll, buffers, {});
    REQUIRE(port);
    io::Socket socket;
    REQUIRE(socket.open_for_connect(io::Address::Family::v4));
    REQUIRE((*port)->attach(socket));
    CHECK(has((*port)->attach(socket).error(), "cannot watch a socket: "));
    (*port)->close(socket);
}

TEST_CASE("the limit of descriptors is raised as far as it goes", "[io][descriptors]") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const std::uint64_t most = before.rlim_max == RLIM_INFINITY ? UINT64_MAX : before.rlim_max;
    {
        const FewDescriptors few(8);
        CHECK(io::raise_descriptor_limit() == most);
        rlimit raised{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &raised) == 0);
        CHECK(raised.rlim_cur == before.rlim_max);
        CHECK(io::raise_descriptor_limit() == most);  // there is nothing left to raise
    }
}

TEST_CASE("an acceptor out of descriptors says so, and serves who waited when there are some again",
          "[net][descriptors]") {
    Station station;
    const base::Result<io::Address> address = station.acceptor->listen(loopback());
    REQUIRE(address.error().empty());
    const io::Address bound = [&] {
        base::Result<io::Address> copy = address;
        return *copy;
    }();
    REQUIRE(station.group->start());
    station.group->begin();
    station.acceptor->start([] {});
    test::Peer peer;
    {
        const FewDescriptors one(1);  // the peer's own
        REQUIRE(peer.connect(bound));
        REQUIRE(eventually([&] { return !station.log.lines().empty(); }));
        CHECK(has(station.log.lines()[0], "cannot accept: out of descriptors"));
        CHECK(has(station.log.lines()[0], ": new clients wait"));
        CHECK(station.protocol.opened == 0);
    }
    REQUIRE(eventually([&] { return station.protocol.opened == 1; }));
    CHECK(station.log.lines().size() == 1);  // however often it was tried meanwhile
    station.stop();
}

TEST_CASE("an acceptor that rests stops at once", "[net][descriptors]") {
    Station station;
    base::Result<io::Address> bound = station.acceptor->listen(loopback());
    REQUIRE(bound);
    REQUIRE(station.group->start());
    station.group->begin();
    station.acceptor->start([] {});
    test::Peer peer;
    const FewDescriptors one(1);
    REQUIRE(peer.connect(*bound));
    REQUIRE(eventually([&] { return !station.log.lines().empty(); }));
    station.stop();
    CHECK(station.protocol.opened == 0);
}

TEST_CASE("an acceptor that never started stops in the call", "[net]") {
    Station station;
    REQUIRE(station.acceptor->listen(loopback()));
    bool stopped = false;
    station.acceptor->stop([&] { stopped = true; });
    CHECK(stopped);
    station.group->stop();  // as little to do as there was for its threads
}
