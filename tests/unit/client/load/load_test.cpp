// Whole runs against a small server in a thread of this process, on the system's own completion
// port.
#include "load/load.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "io/completion_port.hpp"
#include "load/connector.hpp"
#include "messages/script.hpp"
#include "report/figures.hpp"
#include "report/report.hpp"
#include "report/result.hpp"
#include "support/catch.hpp"

using namespace portico;
using namespace portico::client;

namespace {

constexpr std::uint64_t ms = base::nanoseconds_per_millisecond;

io::Address loopback(std::uint8_t last = 1) {
    io::Address address;
    address.family = io::Address::Family::v4;
    address.bytes = {127, 0, 0, last};
    return address;
}

// Handles the bytes that a connection brought: returns true to send them back, false to end the
// connection.
using Behaviour = std::function<bool(std::span<std::byte>)>;

// Replaces Catch's macros, which are for one thread: some servers are made on another.
void must(bool condition, const char* what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

// Echoes, on one thread.
class Server {
public:
    // If an address is given, it may have to wait until that is free.
    explicit Server(Behaviour behaviour = nullptr, const io::Address& at = loopback())
        : buffers_(65'536, 512), behaviour_(std::move(behaviour)) {
        auto port = io::make_port(io::standard_backend, buffers_, {});
        must(static_cast<bool>(port), "no port");
        port_ = std::move(*port);
        auto listens = listener_.listen(at, 1'024);
        for (const std::uint64_t until = base::now_ns() + 10'000 * ms;
             !listens && base::now_ns() < until;) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            listens = listener_.listen(at, 1'024);
        }
        must(static_cast<bool>(listens), "no listener");
        must(static_cast<bool>(port_->attach(listener_)), "no watch");
        address_ = listener_.local_address();
        stop_.completed = [](io::Operation&) {};
        accept_.listener = &listener_;
        accept_.server = this;
        accept_.completed = [](io::Operation& operation) {
            auto& accept = static_cast<Accept&>(operation);
            accept.server->accepted();
        };
        thread_ = std::thread([this] { serve(); });
    }
    ~Server() {
        stopping_.store(true);
        port_->post(stop_);
        thread_.join();
    }

    [[nodiscard]] const io::Address& address() const { return address_; }
    [[nodiscard]] int accepted_count() const { return accepted_count_.load(); }
    // Only after the last client has disconnected.
    [[nodiscard]] const std::set<std::array<std::uint8_t, 16>>& peers() const { return peers_; }

private:
    struct Accept : io::AcceptOperation {
        Server* server = nullptr;
    };
    struct Client {
        struct Receive : io::ReceiveOperation {
            Client* client = nullptr;
        } receive;
        struct Send : io::SendOperation {
            Client* client = nullptr;
        } send;
        Server* server = nullptr;
        io::Socket socket;
        io::ConstBuffer rest;
        io::Buffer buffer;
        bool is_over = false;
    };

    void serve() {
        port_->accept(accept_);
        while (!stopping_.load()) {
            step();
        }
        if (accept_.in_flight) {
            port_->cancel(accept_);
        }
        for (Client& client : clients_) {
            client.is_over = true;
            for (io::Operation* operation : {static_cast<io::Operation*>(&client.receive),
                                             static_cast<io::Operation*>(&client.send)}) {
                if (operation->in_flight) {
                    port_->cancel(*operation);
                }
            }
        }
        while (port_->outstanding() != 0) {
            step();
        }
        for (Client& client : clients_) {
            if (client.socket.is_open()) {
                port_->close(client.socket);
            }
        }
        port_->close(listener_);
    }
    void step() {
        std::array<io::Operation*, 64> completed{};
        const std::size_t count = port_->wait(completed, port_->now() + 100 * ms);
        for (std::size_t i = 0; i < count; ++i) {
            completed[i]->completed(*completed[i]);
        }
    }
    void accepted() {
        if (accept_.accepted == io::invalid_socket) {
            return;
        }
        if (stopping_.load()) {
            io::close_native(accept_.accepted);
            return;
        }
        accepted_count_.fetch_add(1);
        peers_.insert(accept_.peer.bytes);
        Client& client = clients_.emplace_back();
        client.server = this;
        client.socket.adopt(accept_.accepted);
        static_cast<void>(port_->attach(client.socket));
        client.receive.client = client.send.client = &client;
        client.receive.socket = client.send.socket = &client.socket;
        client.receive.completed = [](io::Operation& operation) {
            Client& its = *static_cast<Client::Receive&>(operation).client;
            its.server->received(its);
        };
        client.send.completed = [](io::Operation& operation) {
            Client& its = *static_cast<Client::Send&>(operation).client;
            its.server->sent(its);
        };
        client.send.buffers = {&client.rest, 1};
        port_->receive(client.receive);
        port_->accept(accept_);
    }
    void received(Client& client) {
        client.buffer = client.receive.buffer;
        if (client.receive.bytes == 0 || client.is_over ||
            (behaviour_ && !behaviour_({client.buffer.data, client.receive.bytes}))) {
            over(client);
            return;
        }
        client.rest = {client.buffer.data, client.receive.bytes};
        port_->send(client.send);
    }
    void sent(Client& client) {
        if (client.send.error != io::Error::none || client.is_over) {
            over(client);
            return;
        }
        client.rest = {client.rest.data + client.send.bytes, client.rest.size - client.send.bytes};
        if (client.rest.size != 0) {
            port_->send(client.send);
            return;
        }
        port_->buffers().give_back(std::exchange(client.buffer, {}));
        port_->receive(client.receive);
    }
    void over(Client& client) {
        if (client.buffer.data != nullptr) {
            port_->buffers().give_back(std::exchange(client.buffer, {}));
        }
        port_->close(client.socket);
        client.is_over = true;
    }

    io::BufferPool buffers_;
    Behaviour behaviour_;
    std::unique_ptr<io::CompletionPort> port_;
    io::Socket listener_;
    io::Address address_;
    Accept accept_;
    io::PostOperation stop_;
    std::deque<Client> clients_;
    std::set<std::array<std::uint8_t, 16>> peers_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_count_{0};
    std::thread thread_;
};

// Sends each client a byte every few milliseconds, which never add up to a reply; reads what comes,
// or nothing.
class Trickler {
public:
    explicit Trickler(bool reads) : reads_(reads), buffers_(65'536, 64) {
        auto port = io::make_port(io::standard_backend, buffers_, {});
        REQUIRE(port);
        port_ = std::move(*port);
        REQUIRE(listener_.listen(loopback(), 64));
        REQUIRE(port_->attach(listener_));
        address_ = listener_.local_address();
        accept_.listener = &listener_;
        thread_ = std::thread([this] { serve(); });
    }
    ~Trickler() {
        stopping_.store(true);
        thread_.join();
    }
    [[nodiscard]] const io::Address& address() const { return address_; }

private:
    struct Client {
        io::Socket socket;
        io::ReceiveOperation receive;
        io::SendOperation send;
        bool is_over = false;

        [[nodiscard]] bool is_busy() const { return receive.in_flight || send.in_flight; }
    };

    void serve() {
        port_->accept(accept_);
        while (!stopping_.load()) {
            step(5 * ms);
            for (Client& client : clients_) {
                tend(client);
            }
        }
        if (accept_.in_flight) {
            port_->cancel(accept_);
        }
        for (Client& client : clients_) {
            end(client);
        }
        while (port_->outstanding() != 0) {
            step(100 * ms);
        }
        for (Client& client : clients_) {
            port_->close(client.socket);
        }
        port_->close(listener_);
    }
    void step(std::uint64_t at_most_ns) {
        std::array<io::Operation*, 64> completed{};
        const std::size_t count = port_->wait(completed, port_->now() + at_most_ns);
        for (std::size_t i = 0; i < count; ++i) {
            if (completed[i] == &accept_) {
                accepted();
            }
            for (Client& client : clients_) {
                if (completed[i] == &client.receive) {
                    received(client);
                }
            }
        }
    }
    void accepted() {
        if (accept_.accepted == io::invalid_socket) {
            return;
        }
        Client& client = clients_.emplace_back();
        client.socket.adopt(accept_.accepted);
        static_cast<void>(port_->attach(client.socket));
        client.receive.socket = client.send.socket = &client.socket;
        client.send.buffers = {&byte_, 1};
        if (!stopping_.load()) {
            port_->accept(accept_);
        }
    }
    void received(Client& client) {
        client.is_over = client.receive.bytes == 0;
        if (client.receive.bytes != 0) {
            port_->buffers().give_back(client.receive.buffer);
        }
    }
    void tend(Client& client) {
        client.is_over = client.is_over || client.send.error != io::Error::none;
        if (client.is_over) {
            end(client);
            if (!client.is_busy() && client.socket.is_open()) {
                port_->close(client.socket);
            }
            return;
        }
        if (reads_ && !client.receive.in_flight) {
            port_->receive(client.receive);
        }
        if (!client.send.in_flight) {
            port_->send(client.send);
        }
    }
    void end(Client& client) {
        for (io::Operation* operation : {static_cast<io::Operation*>(&client.receive),
                                         static_cast<io::Operation*>(&client.send)}) {
            if (operation->in_flight) {
                port_->cancel(*operation);
            }
        }
    }

    const bool reads_;
    io::BufferPool buffers_;
    std::unique_ptr<io::CompletionPort> port_;
    io::Socket listener_;
    io::Address address_;
    io::AcceptOperation accept_;
    std::deque<Client> clients_;
    std::byte letter_{'x'};
    io::ConstBuffer byte_{&letter_, 1};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// The whole server stands still once, at the message with this number.
Behaviour stalls(int at, std::uint64_t milliseconds) {
    return [seen = 0, at, milliseconds](std::span<std::byte>) mutable {
        if (++seen == at) {
            std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        }
        return true;
    };
}

LoadPlan plan_for(const Server& server, const MessageSource& messages) {
    LoadPlan plan;
    plan.addresses = {server.address()};
    plan.connect_timeout_ns = 20'000 * ms;
    plan.reply_timeout_ns = 20'000 * ms;
    plan.messages = &messages;
    plan.expectation.replies = &messages;
    return plan;
}

Totals ran(const LoadPlan& plan, Observer& observer) {
    const std::atomic<bool> interrupt{false};
    auto totals = run_load(plan, observer, interrupt);
    INFO(totals.error());
    REQUIRE(totals);
    return *std::move(totals);
}
Totals ran(const LoadPlan& plan) {
    Observer nobody;
    return ran(plan, nobody);
}

}  // namespace

TEST_CASE("every thread's connections send all their messages, and the totals are the sum",
          "[client][load]") {
    Server server;
    const auto messages = make_generated_messages(1, {1, 3'000}, {});
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 7;
    plan.count = 40;
    plan.depth = 5;
    plan.threads = GENERATE(1U, 2U, 3U, 7U);
    CAPTURE(plan.threads);
    const Totals totals = ran(plan);
    CHECK(totals.connections_opened == 7);
    CHECK(totals.sent == 280);
    CHECK(totals.received == 280);
    CHECK(totals.wrong == 0);
    CHECK(totals.lost == 0);
    CHECK(totals.bytes_sent == totals.bytes_received);
    CHECK(totals.latency_ns.count() == 280);
    CHECK(totals.failures.empty());
    CHECK(server.accepted_count() == 7);
}

TEST_CASE("wrong replies of every thread are counted, and shown one at a time", "[client][load]") {
    Server server([](std::span<std::byte> bytes) {
        bytes.front() ^= std::byte{1};
        return true;
    });
    struct : Observer {
        void finding(const Finding&) override { ++count; }
        int count = 0;
    } observer;
    const auto messages = make_generated_messages(1, {10, 10}, {});
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 6;
    plan.threads = 3;
    plan.count = 10;
    const Totals totals = ran(plan, observer);
    CHECK(totals.wrong == 6);
    CHECK(observer.count == 6);
    CHECK(totals.connections_broken == 6);
    CHECK(totals.received + totals.lost == 60);
}

TEST_CASE("with a rate messages leave when they are due, and not before", "[client][load]") {
    Server server;
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 5;
    plan.rate = 500;
    plan.depth = 100;
    plan.threads = GENERATE(1U, 2U);
    SECTION("by count") {
        plan.count = 30;
        const Totals totals = ran(plan);
        CHECK(totals.sent == 150);
        CHECK(totals.received == 150);
        CHECK(totals.not_sent == 0);
        // 149 distances of 2 ms, minus the delay of the first one on a busy machine.
        CHECK(totals.last_send_ns - totals.first_send_ns >= 200 * ms);
    }
    SECTION("by duration: what is due before its end") {
        plan.count = 0;
        plan.duration_ns = 300 * ms;
        const Totals totals = ran(plan);
        CHECK(totals.sent == 150);
        CHECK(totals.received == 150);
        CHECK(totals.not_sent == 0);
    }
}

TEST_CASE("with a rate a server's stall shows in the latency of all that was due meanwhile",
          "[client][load]") {
    Server server(stalls(100, 400));
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 4;
    plan.count = 200;
    SECTION("an open loop: half of the second's messages were due during the stall, and waited") {
        plan.rate = 1'000;
        const Totals totals = ran(plan);
        CHECK(totals.received == 800);
        // All messages that were due in the 400 ms: half of them waited for 200 ms or more, and
        // nearly all of them were sent late, because the depth was used up.
        CHECK(totals.latency_ns.percentile(80) >= 150 * ms);
        CHECK(totals.latency_ns.max() >= 390 * ms);
        CHECK(totals.sent_late >= 300);
    }
    SECTION(
        "a closed loop: only those that were on their way, one on each connection, have seen it") {
        const Totals totals = ran(plan);
        CHECK(totals.received == 800);
        CHECK(totals.latency_ns.percentile(80) < 150 * ms);
        CHECK(totals.latency_ns.max() >= 390 * ms);
        CHECK(totals.sent_late == 0);
    }
}

TEST_CASE("messages that were due and could not leave are counted when the duration is over",
          "[client][load]") {
    Server server(stalls(1, 500));
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 2;
    plan.rate = 1'000;
    plan.count = 0;
    plan.duration_ns = 200 * ms;
    const Totals totals = ran(plan);
    CHECK(totals.sent + totals.not_sent == 200);
    CHECK(totals.sent <= 4);
    CHECK(totals.received == totals.sent);
}

TEST_CASE("a rate beyond all means does not keep replies from being read", "[client][load]") {
    Server server;
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 2;
    plan.rate = 100'000'000;
    plan.count = 0;
    plan.duration_ns = 300 * ms;
    const Totals totals = ran(plan);
    CHECK(totals.sent + totals.not_sent == 30'000'000);
    // if replies were not read, each connection would send one, and wait for the end
    CHECK(totals.sent >= 10);
    CHECK(totals.received == totals.sent);
}

TEST_CASE("with a rate the client's own lag is separate from the server's", "[client][load]") {
    // Stands still in the client's thread once, like a thread that gets no processor.
    struct Sleeper : Observer {
        explicit Sleeper(std::uint64_t its_after) : after_ns(its_after) {}
        void tick(const Progress& progress, std::uint64_t) override {
            if (!has_slept && progress.sending_ns >= after_ns) {
                has_slept = true;
                std::this_thread::sleep_for(std::chrono::milliseconds(500));
            }
        }
        const std::uint64_t after_ns;
        bool has_slept = false;
    };
    const auto messages = make_text_messages("tick");
    const auto plan_at_rate = [&](const Server& server) {
        LoadPlan plan = plan_for(server, *messages);
        plan.connections = 4;
        plan.count = 0;
        plan.rate = 1'000;
        plan.depth = 1'000;
        return plan;
    };
    SECTION("in the middle of the run") {
        Server server;
        LoadPlan plan = plan_at_rate(server);
        plan.duration_ns = 1'200 * ms;
        Sleeper sleeper(1);
        const Totals totals = ran(plan, sleeper);
        REQUIRE(sleeper.has_slept);
        CHECK(totals.received == 1'200);
        CHECK(totals.lag_ns.count() == 1'200);
        CHECK(totals.lag_ns.percentile(99) >= 300 * ms);
        CHECK(Result{plan, totals}.has_lagged());
    }
    SECTION(
        "beyond the end of the duration, so that it comes to the last messages when all is over") {
        Server server;
        LoadPlan plan = plan_at_rate(server);
        plan.duration_ns = 600 * ms;
        // in a tick, which comes within a tenth of a second: 300 messages or more are left
        Sleeper sleeper(200 * ms);
        const Totals totals = ran(plan, sleeper);
        REQUIRE(sleeper.has_slept);
        CHECK(totals.received == 600);
        CHECK(totals.lag_ns.count() == 600);
        CHECK(totals.lag_ns.percentile(99) >= 100 * ms);
        CHECK(Result{plan, totals}.has_lagged());
    }
    SECTION("in taking replies, while messages leave in time") {
        struct Slow : Observer {
            [[nodiscard]] bool wants_replies() const noexcept override { return true; }
            void reply(std::uint32_t, std::span<const std::byte>, bool) override {
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
            }
        } slow;
        Server server;
        LoadPlan plan = plan_at_rate(server);
        plan.connections = 8;
        plan.duration_ns = 200 * ms;
        const Totals totals = ran(plan, slow);
        CHECK(totals.received == 200);
        CHECK(totals.read_lag_ns.percentile(99) >= 3 * ms);
    }
    SECTION("a server that stands still") {
        // On a busy machine the client may be late as well, so there are several tries.
        bool has_lagged = true;
        for (int tries = 0; tries < 5 && has_lagged; ++tries) {
            Server server(stalls(100, 500));
            LoadPlan plan = plan_at_rate(server);
            plan.duration_ns = 1'200 * ms;
            const Totals totals = ran(plan);
            CHECK(totals.received == 1'200);
            CHECK(totals.latency_ns.percentile(80) >= 100 * ms);
            has_lagged = Result{plan, totals}.has_lagged();
        }
        CHECK(!has_lagged);
    }
}

TEST_CASE("with a ramp-up each connection sends all that is due from its turn on",
          "[client][load]") {
    Server server;
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 200;
    plan.threads = GENERATE(1U, 3U);
    plan.count = 0;
    plan.rate = 2'000;
    plan.depth = 100;
    // so that the first message of each is due at the very instant of its turn
    plan.ramp_up_ns = 100 * ms;
    plan.duration_ns = 300 * ms;
    const Totals totals = ran(plan);
    CHECK(totals.received == 600);
    CHECK(totals.not_sent == 0);
    CHECK(totals.lag_ns.count() == 600);  // none was skipped and sent a turn later
}

TEST_CASE("hostile connections come again and again, and count apart", "[client][load]") {
    // Nobody listens on the name's first address.
    io::Socket nobody;
    REQUIRE(nobody.open_for_connect(io::Address::Family::v4, loopback()));
    Server server;
    const auto messages = make_generated_messages(1, {1, 300}, {});
    LoadPlan plan = plan_for(server, *messages);
    plan.addresses = {nobody.local_address(), server.address()};
    for (const auto& [name, mode] : hostile_names) {
        plan.hostile.push_back(mode);
    }
    plan.connections = 3;
    plan.threads = GENERATE(1U, 2U);
    SECTION("until the duration is over") {
        plan.count = 0;
        plan.duration_ns = 500 * ms;
        plan.rate = GENERATE(0U, 1'000U);
        const Totals totals = ran(plan);
        CHECK(totals.received == totals.sent);
        CHECK(totals.received >= 3);
        CHECK(totals.connections_opened == 3);
        CHECK(totals.connections_broken == 0);
        CHECK(totals.lost == 0);
        CHECK(totals.hostile_opened >= 10);  // one each; more for those that reset, end or babble
        CHECK(totals.hostile_failed == 0);
        CHECK(totals.failures.empty());
    }
    SECTION("until there is nobody left to be hostile to") {
        plan.hostile.assign(600, Hostile::reset);
        plan.count = 1;
        const Totals totals = ran(plan);
        CHECK(totals.received == 3);
        CHECK(totals.hostile_opened <= 600);
    }
}

TEST_CASE("a connection is replaced after its share of the messages", "[client][load]") {
    Server server;
    const auto messages = make_generated_messages(1, {1, 300}, {});
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 4;
    plan.threads = GENERATE(1U, 2U);
    plan.depth = 3;
    plan.messages_per_connection = 10;
    SECTION("until its count is done") {
        plan.count = 95;
        const Totals totals = ran(plan);
        CHECK(totals.received == 380);
        CHECK(totals.wrong == 0);
        CHECK(totals.lost == 0);
        CHECK(totals.connections_opened == 40);
        CHECK(totals.connections_replaced == 36);
        CHECK(totals.connections_broken == 0);
        CHECK(server.accepted_count() == 40);
    }
    SECTION("not when one is enough") {
        plan.count = 10;
        CHECK(ran(plan).connections_opened == 4);
    }
    SECTION("until the duration is over") {
        plan.count = 0;
        plan.duration_ns = 200 * ms;
        const Totals totals = ran(plan);
        CHECK(totals.received == totals.sent);
        CHECK(totals.lost == 0);
        CHECK(totals.connections_opened > 4);
        CHECK(totals.connections_opened == totals.connections_replaced + 4);
        CHECK(totals.connections_broken == 0);
    }
    SECTION("with a rate, which goes on meanwhile") {
        plan.count = 50;
        plan.rate = 1'000;
        const Totals totals = ran(plan);
        CHECK(totals.received == 200);
        CHECK(totals.connections_opened == 20);
    }
}

TEST_CASE("idle connections are opened beside the others and stay", "[client][load]") {
    Server server;
    const auto messages = make_text_messages("x");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 2;
    plan.threads = GENERATE(1U, 2U);
    plan.count = 20;
    plan.idle = 300;
    const Totals totals = ran(plan);
    CHECK(totals.received == 40);
    CHECK(totals.connections_opened == 2);
    CHECK(totals.idle_opened == 300);
    CHECK(totals.idle_broken == 0);
    CHECK(server.accepted_count() == 302);
}

TEST_CASE("idle connections that cannot be opened are broken, and the run goes on to its end",
          "[client][load]") {
    // Bound and not listening: it refuses, and nobody else can listen there.
    io::Socket nobody;
    REQUIRE(nobody.open_for_connect(io::Address::Family::v4, loopback()));
    const auto messages = make_text_messages("x");
    LoadPlan plan;
    plan.addresses = {nobody.local_address()};
    plan.connect_timeout_ns = plan.reply_timeout_ns = 20'000 * ms;
    plan.messages = messages.get();
    plan.expectation.replies = messages.get();
    plan.idle = 3;
    plan.connections = 2;
    plan.count = 5;
    const Totals totals = ran(plan);
    CHECK(totals.idle_opened == 0);
    CHECK(totals.idle_broken == 3);
    CHECK(totals.connections_failed == 2);
    CHECK(totals.lost == 10);
    REQUIRE(totals.failures.size() == 1);
    CHECK(totals.failures.begin()->second == 5);
}

TEST_CASE("connections are made from the sources in turn", "[client][load]") {
    std::set<std::array<std::uint8_t, 16>> peers;
    {
        Server server;
        const auto messages = make_text_messages("x");
        LoadPlan plan = plan_for(server, *messages);
        plan.sources = {loopback(2), loopback(3), loopback(4)};
        plan.connections = 3;
        plan.idle = 3;
        CHECK(ran(plan).received == 3);
        peers = {loopback(2).bytes, loopback(3).bytes, loopback(4).bytes};
        CHECK(server.accepted_count() == 6);
        CHECK(server.peers() == peers);
    }
}

TEST_CASE("what an observer throws ends the run in order", "[client][load]") {
    Server server([](std::span<std::byte> bytes) {
        bytes.front() ^= std::byte{1};
        return true;
    });
    struct Thrower : Observer {
        void finding(const Finding&) override { throw std::runtime_error("enough"); }
    };
    struct Printer : Observer {
        [[nodiscard]] bool wants_replies() const noexcept override { return true; }
        void reply(std::uint32_t, std::span<const std::byte>, bool) override {
            throw std::runtime_error("enough");
        }
    };
    struct Ticker : Observer {
        void tick(const Progress&, std::uint64_t) override { throw std::runtime_error("enough"); }
    };
    Thrower thrower;
    Printer printer;
    Ticker ticker;
    const auto messages = make_text_messages("x");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 8;
    plan.threads = GENERATE(1U, 3U);
    plan.idle = 5;
    plan.count = 0;
    plan.duration_ns = 60'000 * ms;
    // so that a wrong reply does not end its connection
    plan.expectation.framing = *parse_framing("length_prefix:1");
    const auto framed = make_framed_messages(make_text_messages("xyz"), plan.expectation.framing);
    plan.messages = framed.get();
    for (Observer* observer : {static_cast<Observer*>(&thrower), static_cast<Observer*>(&printer),
                               static_cast<Observer*>(&ticker)}) {
        if (observer != &thrower) {
            plan.expectation.replies = nullptr;
        } else {
            plan.expectation.replies = framed.get();
        }
        const std::atomic<bool> interrupt{false};
        CHECK_THROWS_AS(run_load(plan, *observer, interrupt), std::runtime_error);
    }
}

TEST_CASE("progress sums the threads, and an interrupt ends the run", "[client][load]") {
    Server server;
    std::atomic<bool> interrupt{false};
    struct Watcher : Observer {
        explicit Watcher(std::atomic<bool>& flag) : interrupt(flag) {}
        void tick(const Progress& progress, std::uint64_t) override {
            last = progress;
            interrupt.store(progress.connections_opened == 6 && progress.received > 10);
        }
        std::atomic<bool>& interrupt;
        Progress last;
    } watcher(interrupt);
    const auto messages = make_text_messages("x");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 6;
    plan.threads = 3;
    plan.count = 0;
    plan.duration_ns = 60'000 * ms;
    auto totals = run_load(plan, watcher, interrupt);
    REQUIRE(totals);
    CHECK(totals->interrupted);
    CHECK(watcher.last.received <= totals->received);
    CHECK(totals->connections_opened == 6);
    CHECK(totals->sent == totals->received + totals->unanswered);
}

TEST_CASE("bytes that never come to a reply do not hold a run", "[client][load]") {
    Trickler server(true);
    const Framing lines = *parse_framing("delimiter");
    const auto messages = make_framed_messages(make_generated_messages(1, {20, 20}, lines), lines);
    LoadPlan plan;
    plan.addresses = {server.address()};
    plan.connect_timeout_ns = 20'000 * ms;
    plan.reply_timeout_ns = 400 * ms;
    plan.messages = messages.get();
    plan.framing = plan.expectation.framing = lines;
    plan.connections = 3;
    plan.depth = 2;
    const std::uint64_t began_ns = base::now_ns();
    SECTION("any frame would do, and none comes") {
        plan.count = 10;
        const Totals totals = ran(plan);
        CHECK(totals.lost == 30);
        CHECK(totals.connections_broken == 3);
        CHECK(exit_code_of(totals) == exit_code::wrong_or_lost);
    }
    SECTION("where a message can be given up the next ones are, and then the connection") {
        plan.expectation.replies = messages.get();
        plan.expectation.connections = 3;
        plan.count = 10;
        const Totals totals = ran(plan);
        CHECK(totals.lost == 30);
        CHECK(totals.connections_broken == 3);
    }
    SECTION("once the duration is over there is one timeout more") {
        plan.count = 0;
        plan.duration_ns = 300 * ms;
        plan.expectation.replies = GENERATE(false, true) ? messages.get() : nullptr;
        const Totals totals = ran(plan);
        CHECK(totals.lost >= 6);
        CHECK(totals.received == 0);
        CHECK(exit_code_of(totals) == exit_code::wrong_or_lost);
    }
    SECTION("nor does a reply that only silence would end") {
        plan.expectation.framing = *parse_framing("idle:1s");
        plan.depth = 1;
        plan.count = 1;
        const Totals totals = ran(plan);
        CHECK(totals.lost == 3);
    }
    CHECK(base::now_ns() - began_ns < 5'000 * ms);
}

TEST_CASE("a server that takes nothing does not hold a run, whatever it says meanwhile",
          "[client][load]") {
    Trickler server(false);
    const std::string long_text(12'000'000, 'm');  // more than the system's buffers hold
    LoadPlan plan;
    plan.addresses = {server.address()};
    plan.connect_timeout_ns = 20'000 * ms;
    plan.reply_timeout_ns = 400 * ms;
    std::uint64_t began_ns = 0;
    const auto ran_from_now = [&] {
        // Not earlier: with a sanitizer, parsing a script of this size takes seconds.
        began_ns = base::now_ns();
        return ran(plan);
    };
    SECTION("with a reply owed") {
        const auto messages = make_text_messages(long_text);
        plan.messages = messages.get();
        plan.expectation.framing = *parse_framing("delimiter");
        const Totals totals = ran_from_now();
        CHECK(totals.lost == 1);
    }
    SECTION("with a script that expects none") {
        auto script = parse_script("{ \"steps\": [ { \"send\": \"" + long_text + "\" } ] }", 1);
        INFO(script.error());
        REQUIRE(script);
        plan.script = &*script;
        plan.messages = script->messages.get();
        plan.framing = script->framing;
        plan.count = script->exchanges();
        plan.expectation.replies = script->replies.get();
        plan.expectation.framing = script->reply_framing;
        plan.expectation.patterns = script->patterns;
        plan.expectation.texts_have_no_frames = true;
        CHECK(ran_from_now().connections_broken == 1);
    }
    CHECK(base::now_ns() - began_ns < 20'000 * ms);
}

TEST_CASE("a socket that is connected to itself is no connection", "[client][load]") {
    io::BufferPool buffers(4'096, 4);
    auto port = io::make_port(io::standard_backend, buffers, {});
    REQUIRE(port);
    io::Socket socket;
    REQUIRE(socket.open_for_connect(io::Address::Family::v4, loopback()));
    REQUIRE((*port)->attach(socket));
    io::ConnectOperation connect;
    connect.socket = &socket;
    connect.remote = socket.local_address();
    (*port)->connect(connect);
    std::array<io::Operation*, 4> completed{};
    while (connect.in_flight) {
        static_cast<void>((*port)->wait(completed, (*port)->now() + 100 * ms));
    }
    if (connect.error == io::Error::none) {
        CHECK(is_connected_to_itself(socket, connect.remote));
    } else {
        WARN("this system connects no socket to itself");
    }
    (*port)->close(socket);

    Server server;
    io::Socket other;
    REQUIRE(other.open_for_connect(io::Address::Family::v4));
    REQUIRE((*port)->attach(other));
    io::ConnectOperation away;
    away.socket = &other;
    away.remote = server.address();
    (*port)->connect(away);
    while (away.in_flight) {
        static_cast<void>((*port)->wait(completed, (*port)->now() + 100 * ms));
    }
    REQUIRE(away.error == io::Error::none);
    CHECK_FALSE(is_connected_to_itself(other, away.remote));
    (*port)->close(other);
}

TEST_CASE("an address that does not answer does not hold up the next one", "[client][load]") {
    // A listener whose queue is full and which accepts nobody: further connects get no answer.
    // (Windows refuses them, which is just as good.)
    io::BufferPool buffers(4'096, 4);
    auto port = io::make_port(io::standard_backend, buffers, {});
    REQUIRE(port);
    io::Socket full;
    REQUIRE(full.listen(loopback(), 0));
    std::deque<io::Socket> waiting(8);
    std::deque<io::ConnectOperation> connects(8);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        REQUIRE(waiting[i].open_for_connect(io::Address::Family::v4));
        REQUIRE((*port)->attach(waiting[i]));
        connects[i].socket = &waiting[i];
        connects[i].remote = full.local_address();
        (*port)->connect(connects[i]);
    }
    std::array<io::Operation*, 16> completed{};
    for (const std::uint64_t until = (*port)->now() + 200 * ms; (*port)->now() < until;) {
        static_cast<void>((*port)->wait(completed, until));
    }

    Server server;
    const auto messages = make_text_messages("x");
    LoadPlan plan = plan_for(server, *messages);
    plan.addresses = {full.local_address(), server.address()};
    plan.connections = 5;
    plan.threads = GENERATE(1U, 2U);
    plan.idle = plan.threads == 1 ? 2 : 0;
    // these have a thread of their own, which finds out by itself
    plan.hostile = {Hostile::half_close};
    plan.count = 0;
    plan.duration_ns = 1'500 * ms;
    const std::uint64_t began_ns = base::now_ns();
    const Totals totals = ran(plan);
    CHECK(base::now_ns() - began_ns < 10'000 * ms);  // of the connect timeout's 20
    CHECK(totals.connections_opened == 5);
    CHECK(totals.connections_failed == 0);
    CHECK(totals.idle_opened == plan.idle);
    CHECK(totals.hostile_opened >= 1);
    CHECK(totals.lost == 0);
    CHECK(totals.failures.empty());
    // No more than these: the connection that was tried first is also used.
    const int known = static_cast<int>(5 + plan.idle + totals.hostile_opened);
    CHECK(server.accepted_count() >= known);
    CHECK(server.accepted_count() <= known + 1);  // a hostile one may be on its way

    for (std::size_t i = 0; i < waiting.size(); ++i) {
        if (connects[i].in_flight) {
            (*port)->cancel(connects[i]);
        }
    }
    while ((*port)->outstanding() != 0) {
        static_cast<void>((*port)->wait(completed, (*port)->now() + 100 * ms));
    }
    for (io::Socket& socket : waiting) {
        (*port)->close(socket);
    }
    full.close();
}

TEST_CASE("with a rate, what was due when the server had gone is counted as never sent",
          "[client][load]") {
    Server server([seen = 0](std::span<std::byte>) mutable { return ++seen <= 20; });
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 2;
    plan.rate = 200;
    SECTION("to the end of the duration") {
        plan.count = 0;
        plan.duration_ns = 1'000 * ms;
        const Totals totals = ran(plan);
        CHECK(totals.connections_broken == 2);
        CHECK(totals.sent + totals.not_sent == 200);
        CHECK(totals.not_sent >= 150);
        CHECK(figure_named("rate_achieved")->value({plan, totals}) < 50);
    }
    SECTION("of the count") {
        plan.count = 100;
        const Totals totals = ran(plan);
        CHECK(totals.sent + totals.not_sent == 200);
        CHECK(totals.received + totals.lost == 200);
    }
}

TEST_CASE(
    "with reconnect a connection that the server ends comes again, and what failed is counted",
    "[client][load]") {
    // The 50th message ends its connection, without an answer.
    Server server([seen = 0](std::span<std::byte>) mutable { return ++seen != 50; });
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(server, *messages);
    plan.connections = 2;
    plan.threads = GENERATE(1U, 2U);
    plan.count = 0;
    plan.duration_ns = 1'000 * ms;
    plan.reconnect = true;
    plan.rate = GENERATE(0U, 400U);
    const Totals totals = ran(plan);
    CHECK(totals.outage_failed == 1);
    CHECK(totals.lost == 1);
    CHECK(totals.reconnects == 1);
    CHECK(totals.outage_ns > 0);
    CHECK(totals.outage_ns < 1'000 * ms);
    CHECK(totals.connections_broken == 0);
    CHECK(totals.connections_opened == 3);
    CHECK(totals.received + 1 == totals.sent);
    CHECK(exit_code_of(totals) == exit_code::wrong_or_lost);
}

TEST_CASE(
    "with reconnect connections outlive the server's restart, or are broken when it does not come "
    "back",
    "[client][load]") {
    const bool comes_back = GENERATE(true, false);
    auto server = std::make_unique<Server>();
    const io::Address address = server->address();
    const auto messages = make_text_messages("tick");
    LoadPlan plan = plan_for(*server, *messages);
    plan.connections = 4;
    plan.count = 0;
    plan.rate = 200;
    plan.depth = 100;
    plan.duration_ns = 2'500 * ms;
    plan.reconnect = true;
    plan.idle = 3;
    struct Watcher : Observer {
        void tick(const Progress& progress, std::uint64_t) override {
            received.store(progress.received);
        }
        std::atomic<std::uint64_t> received{0};
    } watcher;
    std::thread operators([&] {
        while (watcher.received.load() < 20) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        server.reset();
        std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the outage
        if (comes_back) {
            server = std::make_unique<Server>(nullptr, address);
        }
    });
    const std::uint64_t began_ns = base::now_ns();
    const Totals totals = ran(plan, watcher);
    operators.join();
    CHECK(base::now_ns() - began_ns < 10'000 * ms);
    CHECK(totals.outage_ns >= 500 * ms);
    CHECK(totals.lost == totals.outage_failed);
    CHECK(totals.sent + totals.not_sent >= 500 - totals.lost);
    CHECK(totals.sent + totals.not_sent <= 500);
    if (comes_back) {
        // some may have come back once more while the server was closing
        CHECK(totals.reconnects >= 7);
        CHECK(totals.connections_broken == 0);
        CHECK(totals.idle_broken == 0);
        CHECK(totals.outage_ns < 2'400 * ms);
        CHECK(totals.not_sent <= 5);  // messages due meanwhile were sent when it was back
    } else {
        CHECK(totals.reconnects <= 7);
        CHECK(totals.connections_broken == 4);
        CHECK(totals.idle_broken == 3);
        CHECK(totals.not_sent >= 200);
        CHECK(exit_code_of(totals) == exit_code::wrong_or_lost);
    }
}
