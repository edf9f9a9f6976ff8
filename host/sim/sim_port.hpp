// The simulated completion port: a second implementation of host/io/completion_port.hpp,
// independent of PortBase and of the real backends, on the simulated network and the scheduler's
// time.
//
// It checks its callers more strictly than a real one can. Each of these mistakes ends the run and
// prints the trace:
//  - an operation submitted or destroyed while in flight, or cancelled though it was never
//    submitted or belongs to another port; a second receive or send of one socket; more accepts of
//    a listener than accepts_max();
//  - a socket closed (or attached twice, or used unattached or closed) with operations in flight;
//  - on a single port, any call but post, wake, counters and now while another thread's call is
//    under way;
//  - bytes being sent, the gather array or an input of an operation changed before it completed (a
//    checksum; with AddressSanitizer they are poisoned, so the first touch ends the run with its
//    stack. Only the poison catches a reader);
//  - a write to a free buffer of the pool (poisoned; without the sanitizer a pattern).
//
// An operation's outputs are filled in when it is handed out, never before.
//
// The world makes a SimPort wherever host/server calls make_port(). It needs nothing else, because
// wait() blocks in the scheduler.
#pragma once

#include <memory>

#include "io/completion_port.hpp"
#include "sim/fault_mix.hpp"
#include "sim/network.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"

namespace portico::sim {

struct SimPortOptions {
    bool shared = false;  // as io::PortOptions
    std::uint32_t accepts_max = 1;
    std::uint32_t number = 0;  // its name in the trace
};

class SimPort final : public io::CompletionPort {
public:
    // Keeps references to all arguments but the random stream; the mix may change meanwhile.
    SimPort(Scheduler& scheduler, Network& network, io::BufferPool& buffers, Random random,
            const FaultMix& faults, const SimPortOptions& options);
    // The contract requires that nothing is outstanding and that every attached socket is closed.
    // Otherwise the run fails.
    ~SimPort() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }
    [[nodiscard]] base::Result<void> attach(io::Socket& socket) override;
    [[nodiscard]] std::uint32_t accepts_max() const noexcept override;

    void accept(io::AcceptOperation& operation) noexcept override;
    [[nodiscard]] bool accept_at_once(io::AcceptOperation& operation) noexcept override;
    void connect(io::ConnectOperation& operation) noexcept override;
    void receive(io::ReceiveOperation& operation) noexcept override;
    void send(io::SendOperation& operation) noexcept override;
    [[nodiscard]] bool send_at_once(io::SendOperation& operation) noexcept override;
    void timer(io::TimerOperation& operation) noexcept override;
    void post(io::PostOperation& operation) noexcept override;
    void cancel(io::Operation& operation) noexcept override;
    void expedite(io::SendOperation& operation) noexcept override;
    void close(io::Socket& socket) noexcept override;
    void move(io::Socket& from, io::Socket& to) noexcept override;
    [[nodiscard]] std::size_t wait(std::span<io::Operation*> completed,
                                   std::uint64_t deadline_ns) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] std::size_t outstanding() const noexcept override;
    [[nodiscard]] io::Counters counters() const noexcept override;
    [[nodiscard]] std::uint64_t now() const noexcept override;

    // The threads that are now in wait(); the world uses it to see that all workers are idle.
    [[nodiscard]] std::uint32_t threads_waiting() const noexcept;

    struct Internals;

private:
    std::unique_ptr<Internals> internals_;
};

}  // namespace portico::sim
