// A connection that is ended while it opens. The host may end it from any thread as soon as its
// word is open, so mail may come before the mail with which the connection begins.
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/connection_table.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"
#include "support/catch.hpp"

using namespace portico;

namespace {

struct NoLog final : base::Log {
    NoLog() : Log(base::LogLevel::off) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view) noexcept override {}
};

// Keeps a list of its callbacks.
struct Recorder final : net::Protocol {
    bool on_open(net::Connection&, std::uint32_t listen_index) noexcept override {
        return say("open " + std::to_string(listen_index)), true;
    }
    Answer on_data(net::Connection&, const Message&, std::size_t&) noexcept override {
        return say("data"), Answer::ok;
    }
    Answer on_writable(net::Connection&) noexcept override { return say("writable"), Answer::ok; }
    Ending on_end(net::Connection&, const Ended&) noexcept override {
        return say("end"), Ending::close;
    }
    Ending on_drain(net::Connection&, const net::Draining& draining) noexcept override {
        return say("drain " + std::to_string(draining.deadline_ns)), Ending::close;
    }
    void on_close(net::Connection&, const Closed& closed) noexcept override {
        say(std::string("close: ") + net::to_string(closed.reason));
    }
    void on_posted(net::Connection&, net::AnyFunction, void*, bool) noexcept override {
        say("posted");
    }
    void on_released(net::Connection&, net::AnyFunction, void*, bool) noexcept override {
        say("released");
    }

    void say(const std::string& what) { said += (said.empty() ? "" : ", ") + what; }

    std::string said;  // written by the worker until the connection is released
};

// One worker, and a connection over a socket pair.
class OneConnection {
public:
    OneConnection() : receive_buffers_(1'024, 4), send_chunks_(1'024, 4), table_(1) {
        auto port = io::make_port(io::standard_backend, receive_buffers_, {});
        REQUIRE(port);
        group_ = std::make_unique<net::WorkerGroup>(std::move(*port), send_chunks_,
                                                    net::WorkerOptions{});
        context_.protocol = &protocol;
        context_.log = &log_;
        context_.owner = this;
        traffic_ = std::make_unique<net::Traffic>(std::vector{group_.get()});
        context_.traffic = traffic_.get();
        context_.released = [](void* owner, const net::WorkerGroup&) {
            auto& self = *static_cast<OneConnection*>(owner);
            const std::scoped_lock lock(self.mutex_);
            self.is_released_ = true;
            self.released_.notify_all();
        };
        int pair[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        peer_ = pair[1];
        connection = table_.take();
        REQUIRE(connection != nullptr);
        io::Address somewhere;
        somewhere.bytes.fill(1);
        connection->take_socket(context_, pair[0], somewhere, somewhere, 7);
        connection->open(*group_, nullptr);
    }
    ~OneConnection() { ::close(peer_); }

    // Begins, and runs until the connection is released.
    void run() {
        connection->begin();
        ::shutdown(peer_, SHUT_WR);
        REQUIRE(group_->start());
        group_->begin();
        std::unique_lock lock(mutex_);
        const bool is_released = released_.wait_for(lock, std::chrono::seconds(30),
                                                    [&] { return is_released_; });
        lock.unlock();
        group_->stop();
        REQUIRE(is_released);
    }

    Recorder protocol;
    net::Connection* connection = nullptr;

private:
    NoLog log_;
    io::BufferPool receive_buffers_;
    io::BufferPool send_chunks_;
    net::ConnectionTable table_;
    std::unique_ptr<net::WorkerGroup> group_;
    std::unique_ptr<net::Traffic> traffic_;
    net::ConnectionContext context_;
    int peer_ = -1;
    std::mutex mutex_;
    std::condition_variable released_;
    bool is_released_ = false;
};

}  // namespace

TEST_CASE("a connection that is drained before it begins gets on_drain", "[connection]") {
    OneConnection one;
    REQUIRE(one.connection->drain(one.connection->generation(), {net::DrainReason::stop, 1'234}) ==
            net::CallResult::accepted);
    one.run();
    CHECK(one.protocol.said == "open 7, drain 1234, close: drained");
}

TEST_CASE("a connection that is cut before it begins ends once", "[connection]") {
    OneConnection one;
    REQUIRE(one.connection->cut(one.connection->generation()) == net::CallResult::accepted);
    one.run();
    CHECK(one.protocol.said == "open 7, close: the host stops, cut at the deadline");
}
