// The world of a contract test: a pool, a port, a listener on loopback, connections with a native
// peer at the other end, and operations that count their completions. A test that fails unwinds
// cleanly: operations in flight are cancelled and taken out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contract/ports.hpp"
#include "io/completion_port.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/peer.hpp"

namespace portico::test {

inline constexpr std::uint64_t patience_ns = 15 * base::nanoseconds_per_second;

// Byte number `offset` of the stream that tests send, so that a lost, doubled or reordered byte
// shows.
[[nodiscard]] inline char pattern_at(std::uint64_t offset) {
    return static_cast<char>((offset + 1) * 0x9E37'79B9'7F4A'7C15ULL >> 56);
}
[[nodiscard]] std::string pattern(std::uint64_t offset, std::size_t bytes);

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

class World;

// An operation that counts its completions and then calls `then`. For one thread.
template <class Base>
class Tracked : public Base {
public:
    explicit Tracked(World& world) : world_(&world) {
        this->completed = [](io::Operation& operation) {
            auto& self = static_cast<Tracked&>(operation);
            ++self.completions;
            if (self.then) {
                self.then();
            }
        };
    }
    ~Tracked();

    [[nodiscard]] bool is_done() const { return completions > 0 && !this->in_flight; }

    int completions = 0;
    std::function<void()> then;

private:
    World* world_;
};

struct WorldOptions {
    std::uint32_t buffer_bytes = 4'096;
    std::uint32_t buffers = 256;
    std::size_t batch = 16;  // the most completions that wait() may hand out at once
};

class World {
public:
    explicit World(const PortCase& kind, const WorldOptions& options = {});
    ~World();

    [[nodiscard]] io::CompletionPort& port() { return *port_; }
    [[nodiscard]] io::BufferPool& pool() { return pool_; }

    // Does one wait(), and calls the completions that it hands out. Returns how many there were.
    std::size_t step(std::uint64_t deadline_ns);
    // Steps until `condition`; false if patience ended first.
    template <class Condition>
    [[nodiscard]] bool run_until(Condition condition) {
        const std::uint64_t deadline = port_->now() + patience_ns;
        while (!condition()) {
            if (port_->now() >= deadline) {
                return false;
            }
            step(deadline);
        }
        return true;
    }
    // Steps for this long.
    void run_for(std::uint64_t milliseconds);

    // Submits, and checks that nothing completed inside.
    template <class Base>
    void submit(Tracked<Base>& operation) {
        const int before = operation.completions;
        submit_to(*port_, operation);
        if (operation.completions != before || !operation.in_flight) {
            FAIL("an operation completed inside its submit");
        }
    }
    template <class Base>
    void complete(Tracked<Base>& operation) {
        submit(operation);
        REQUIRE(run_until([&] { return !operation.in_flight; }));
    }

    static void submit_to(io::CompletionPort& port, io::AcceptOperation& operation) {
        port.accept(operation);
    }
    static void submit_to(io::CompletionPort& port, io::ConnectOperation& operation) {
        port.connect(operation);
    }
    static void submit_to(io::CompletionPort& port, io::ReceiveOperation& operation) {
        port.receive(operation);
    }
    static void submit_to(io::CompletionPort& port, io::SendOperation& operation) {
        port.send(operation);
    }
    static void submit_to(io::CompletionPort& port, io::TimerOperation& operation) {
        port.timer(operation);
    }
    static void submit_to(io::CompletionPort& port, io::PostOperation& operation) {
        port.post(operation);
    }

    // Requires that nothing is in flight, no completion is left, and no buffer is on loan.
    void require_balanced();

    // A listener of this port, opened at the first call.
    [[nodiscard]] io::Socket& listener();
    [[nodiscard]] io::Address address() { return listener().local_address(); }

    // Ends an operation that a failing test leaves in flight.
    void retire(io::Operation& operation) noexcept;

private:
    io::BufferPool pool_;
    std::unique_ptr<io::CompletionPort> port_;
    std::size_t batch_;
    io::Socket listener_;
};

template <class Base>
Tracked<Base>::~Tracked() {
    then = nullptr;
    world_->retire(*this);
    if constexpr (std::is_same_v<Base, io::ReceiveOperation>) {
        if (this->buffer.data != nullptr) {
            world_->pool().give_back(this->buffer);
        }
    }
}

// An accepted connection of the world's port, and its peer.
struct Connection {
    // Connects a peer and accepts it.
    explicit Connection(World& in_world, int peer_receive_buffer = 0, int peer_send_buffer = 0);
    ~Connection();

    // Receives once: appends the bytes to `input`, and returns the buffer to the pool. False at the
    // end or an error.
    bool read();
    // Takes the result of a completed receive. False if there was nothing in it.
    bool take();
    // Receives until `input` has so many bytes.
    void read_until(std::size_t bytes);
    // Sends all, resuming after partial sends.
    void write(std::string_view bytes);
    // Sends parts of the pattern from `sent` on until one send stays in flight; `chunk` is what it
    // sends.
    void fill(std::string& chunk, std::uint64_t& sent);
    // Closes through the port.
    void close();

    World& world;
    io::Socket socket;
    Tracked<io::ReceiveOperation> receive;
    Tracked<io::SendOperation> send;
    io::ConstBuffer part;
    Peer peer;
    std::string input;
};

// Threads that serve a shared port until stop(). They wait without a deadline, so that a lost wake
// shows.
class Workers {
public:
    Workers(io::CompletionPort& port, int threads, std::size_t batch);
    ~Workers();
    // Every operation but the workers' own must have completed, or must not matter.
    void stop();

private:
    class StopOperation;
    io::CompletionPort& port_;
    std::vector<std::thread> threads_;
    std::vector<std::unique_ptr<StopOperation>> stops_;
    std::atomic<int> running_{0};
};

// Waits on the test's own thread, beside workers: true as soon as the condition is true, false if
// patience ended.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
    const std::uint64_t deadline = base::now_ns() + patience_ns;
    while (!condition()) {
        if (base::now_ns() >= deadline) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace portico::test
