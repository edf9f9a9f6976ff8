// A completion port and sockets that do nothing by themselves: a driver decides every outcome. Each
// wait() calls it on the worker's thread; it lets operations complete (with success, in pieces,
// with errors, late after a cancel) and time pass. The sockets replace the system's at link time:
// each accepted one is a Peer, which remembers what it sent and received.
//
// The port asserts what its callers must keep: one receive and one send of a socket, no operation
// submitted twice, no socket closed under an operation.
//
// Threads: only the worker's thread uses it, except for post(), and what another thread does while
// the worker waits for it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/completion_port.hpp"

namespace portico::fuzz {

struct Peer {
    io::Address address;        // no other peer has its port number
    std::string stream;         // all that it has sent
    std::size_t delivered = 0;  // how much of that completed receives have brought
    bool ended = false;         // nothing is added to `stream` any more
    bool end_delivered = false;
    io::Error broken = io::Error::none;  // what its operations fail with
    std::string taken;                   // what it was sent
    bool host_ended = false;             // the host's end of stream follows `taken`
    std::optional<std::uint64_t> unacknowledged = 0;
    // The host's side.
    bool is_open = true;
    bool reset_on_close = false;
    io::ReceiveOperation* receive = nullptr;  // in flight
    io::SendOperation* send = nullptr;        // in flight

    [[nodiscard]] bool has_news() const noexcept {
        return delivered < stream.size() || (ended && !end_delivered);
    }
};

class DrivenPort final : public io::CompletionPort {
public:
    // `idle`: nothing is ready, and the worker has nothing else to do; it is asked again until
    // there is something.
    using Driver = std::function<void(bool idle)>;

    DrivenPort(io::BufferPool& buffers, Driver driver);
    ~DrivenPort() override;

    // ---- for the driver; each returns whether it changed anything
    bool accept_peer();
    bool fail_accept(io::Error error);
    // Receives at most `bytes_max` of what has come, or the end after it. A broken peer's receive
    // fails. Without a buffer nothing happens.
    bool complete_receive(Peer& peer, std::size_t bytes_max);
    bool complete_send(Peer& peer, std::size_t bytes_max);
    // Cancelled operations stay in flight until then. Those that may still succeed are like any
    // other.
    bool abort_cancelled(std::size_t which);
    // Timers that are due become ready, in order.
    void pass_time(std::uint64_t ns);
    // Nothing if no timer is in flight.
    [[nodiscard]] std::optional<std::uint64_t> until_next_timer() const noexcept;
    // From now on the driver is not called; what is posted is handed out.
    void leave_alone() noexcept;

    [[nodiscard]] std::deque<Peer>& peers() noexcept { return peers_; }
    [[nodiscard]] Peer& peer_of(io::NativeSocket native) noexcept;

    // Decided at each accepted socket.
    std::function<bool()> attach_fails;
    // Decided at each send: how many of its bytes the call takes. 0: it waits, or fails if the peer
    // is broken by now.
    std::function<std::size_t(Peer& peer, std::size_t bytes)> taken_at_once;
    std::size_t batch_max = 64;

    // ---- io::CompletionPort
    [[nodiscard]] std::string_view name() const noexcept override { return "driven"; }
    [[nodiscard]] base::Result<void> attach(io::Socket& socket) override;
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override { return 2; }
    void accept(io::AcceptOperation& operation) noexcept override;
    void connect(io::ConnectOperation& operation) noexcept override;
    void receive(io::ReceiveOperation& operation) noexcept override;
    void send(io::SendOperation& operation) noexcept override;
    [[nodiscard]] bool send_at_once(io::SendOperation& operation) noexcept override;
    void timer(io::TimerOperation& operation) noexcept override;
    void post(io::PostOperation& operation) noexcept override;
    void cancel(io::Operation& operation) noexcept override;
    void close(io::Socket& socket) noexcept override;
    void move(io::Socket& from, io::Socket& to) noexcept override;
    [[nodiscard]] std::size_t wait(std::span<io::Operation*> completed,
                                   std::uint64_t deadline_ns) noexcept override;
    void wake() noexcept override {}
    [[nodiscard]] std::size_t outstanding() const noexcept override { return in_flight_.size(); }
    [[nodiscard]] io::Counters counters() const noexcept override { return {}; }
    [[nodiscard]] std::uint64_t now() const noexcept override { return now_ns_; }

private:
    void submit(io::Operation& operation) noexcept;
    void finish(io::Operation& operation, io::Error error) noexcept;
    [[nodiscard]] io::AcceptOperation* next_accept() const noexcept;
    std::size_t take(Peer& peer, const io::SendOperation& operation, std::size_t bytes_max);

    const Driver driver_;
    std::deque<Peer> peers_;
    std::uint64_t now_ns_ = base::nanoseconds_per_second;
    // guards what post() touches: these. in_flight_ is also read without it while nobody can post
    mutable std::mutex mutex_;
    std::condition_variable posted_;
    std::vector<io::Operation*> in_flight_;  // as they were submitted, those of ready_ included
    std::deque<io::Operation*> ready_;
    bool left_alone_ = false;
};

}  // namespace portico::fuzz
