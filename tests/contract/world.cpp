#include "contract/world.hpp"

#include <cstdio>
#include <cstdlib>

namespace portico::test {

std::string pattern(std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) {
        text[i] = pattern_at(offset + i);
    }
    return text;
}

World::World(const PortCase& kind, const WorldOptions& options)
    : pool_(options.buffer_bytes, options.buffers), batch_(options.batch) {
    io::PortOptions port_options;
    port_options.shared = kind.shared;
    port_options.concurrency = 4;
    port_options.receive_idle_ms = 200;
    auto made = kind.factory.make(pool_, port_options);
    if (!made) {
        FAIL(made.error());
    }
    port_ = std::move(*made);
}

World::~World() {
    if (listener_.is_open()) {
        port_->close(listener_);
    }
}

std::size_t World::step(std::uint64_t deadline_ns) {
    io::Operation* completed[64];
    const std::size_t count = port_->wait(std::span(completed, batch_), deadline_ns);
    if (count > batch_) {
        FAIL("more completions than there was room for");
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (completed[i]->in_flight) {
            FAIL("an operation that was handed out is in flight still");
        }
    }
    // An operation may destroy only itself in its handler, never another one of the batch.
    for (std::size_t i = 0; i < count; ++i) {
        completed[i]->completed(*completed[i]);
    }
    return count;
}

void World::run_for(std::uint64_t milliseconds) {
    const std::uint64_t deadline = port_->now() + milliseconds * base::nanoseconds_per_millisecond;
    while (port_->now() < deadline) {
        step(deadline);
    }
}

void World::require_balanced() {
    for (int i = 0; i < 3; ++i) {
        CHECK(step(0) == 0);
    }
    CHECK(port_->outstanding() == 0);
    CHECK(pool_.in_use() == 0);
}

io::Socket& World::listener() {
    if (!listener_.is_open()) {
        const auto listening = listener_.listen(loopback(), 128);
        if (!listening) {
            FAIL(listening.error());
        }
        REQUIRE(port_->attach(listener_));
    }
    return listener_;
}

void World::retire(io::Operation& operation) noexcept {
    if (!operation.in_flight) {
        return;
    }
    if (operation.type != io::OperationType::post) {
        port_->cancel(operation);
    }
    const std::uint64_t deadline = port_->now() + patience_ns;
    while (operation.in_flight && port_->now() < deadline) {
        io::Operation* completed[64];
        static_cast<void>(port_->wait(completed, deadline));
    }
}

Connection::Connection(World& in_world, int peer_receive_buffer, int peer_send_buffer)
    : world(in_world), receive(in_world), send(in_world) {
    receive.socket = &socket;
    send.socket = &socket;
    REQUIRE(peer.connect(world.address(), peer_receive_buffer, peer_send_buffer));
    Tracked<io::AcceptOperation> accept(world);
    accept.listener = &world.listener();
    world.complete(accept);
    REQUIRE(accept.error == io::Error::none);
    socket.adopt(accept.accepted);
    REQUIRE(world.port().attach(socket));
}

Connection::~Connection() {
    world.retire(receive);
    world.retire(send);
    close();
}

bool Connection::take() {
    if (receive.error != io::Error::none || receive.bytes == 0) {
        REQUIRE(receive.buffer.data == nullptr);
        return false;
    }
    REQUIRE(receive.buffer.data != nullptr);
    REQUIRE(receive.bytes <= world.pool().buffer_bytes());
    input.append(reinterpret_cast<const char*>(receive.buffer.data), receive.bytes);
    world.pool().give_back(std::exchange(receive.buffer, {}));
    return true;
}

bool Connection::read() {
    world.complete(receive);
    return take();
}

void Connection::read_until(std::size_t bytes) {
    while (input.size() < bytes) {
        REQUIRE(read());
    }
}

void Connection::write(std::string_view bytes) {
    while (!bytes.empty()) {
        part = {as_bytes(bytes).data(), bytes.size()};
        send.buffers = {&part, 1};
        world.complete(send);
        REQUIRE(send.error == io::Error::none);
        REQUIRE(send.bytes >= 1);
        REQUIRE(send.bytes <= bytes.size());
        bytes.remove_prefix(send.bytes);
    }
}

void Connection::fill(std::string& chunk, std::uint64_t& sent) {
    for (int i = 0; i < 1'000; ++i) {
        chunk = pattern(sent, 256 * 1'024);
        part = {as_bytes(chunk).data(), chunk.size()};
        send.buffers = {&part, 1};
        world.submit(send);
        const std::uint64_t enough = world.port().now() + 50 * base::nanoseconds_per_millisecond;
        while (send.in_flight && world.port().now() < enough) {
            world.step(enough);
        }
        if (send.in_flight) {
            return;
        }
        REQUIRE(send.error == io::Error::none);
        sent += send.bytes;
    }
    FAIL("the system takes bytes without end");
}

void Connection::close() {
    if (socket.is_open()) {
        world.port().close(socket);
    }
}

// ---- workers

namespace {

thread_local bool leaving = false;

}  // namespace

// Makes the thread that runs it leave its loop; passes itself on if that thread is leaving already.
class Workers::StopOperation : public io::PostOperation {
public:
    explicit StopOperation(io::CompletionPort& port) : port_(&port) {
        completed = [](io::Operation& operation) {
            auto& self = static_cast<StopOperation&>(operation);
            if (leaving) {
                self.port_->post(self);
            } else {
                leaving = true;
            }
        };
    }

private:
    io::CompletionPort* port_;
};

Workers::Workers(io::CompletionPort& port, int threads, std::size_t batch)
    : port_(port), running_(threads) {
    for (int i = 0; i < threads; ++i) {
        stops_.push_back(std::make_unique<StopOperation>(port));
        threads_.emplace_back([this, batch] {
            leaving = false;
            std::vector<io::Operation*> completed(batch);
            while (!leaving) {
                const std::size_t count = port_.wait(completed, io::wait_forever);
                for (std::size_t at = 0; at < count; ++at) {
                    completed[at]->completed(*completed[at]);
                }
            }
            running_.fetch_sub(1);
        });
    }
}

Workers::~Workers() {
    stop();
}

void Workers::stop() {
    if (threads_.empty()) {
        return;
    }
    for (auto& stop : stops_) {
        port_.post(*stop);
    }
    if (!eventually([&] { return running_.load() == 0; })) {
        // The threads cannot be ended from outside, so neither can the test.
        std::fprintf(stderr, "contract_tests: %d workers are stuck in wait(): a wake was lost\n",
                     running_.load());
        std::abort();
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

}  // namespace portico::test
