// The simulated completion port: a second implementation of host/io/completion_port.hpp,
// independent of PortBase and of the real backends, on the simulated network and the scheduler's
// time.
//
// It checks its callers more strictly than a real one can; each of these ends the run with the
// trace:
//  - an operation submitted while in flight, or destroyed while in flight; cancelled when it was
//  never submitted, or when it belongs to
//    another port; a second receive or send of one socket; more accepts of a listener than accepts_max();
//  - a socket closed (or attached twice, or used unattached or closed) with operations in flight;
//  - on a single port, any call but post, wake, counters and now from a thread while another one's
//    is under way;
//  - bytes being sent, the gather array or an input of an operation changed before it completed (a
//  checksum; with AddressSanitizer they are
//    poisoned, so that the first touch ends the run with the stack of who did it. A reader is caught by the poison only);
//  - a buffer of the pool that is not on loan and is written to (poisoned; without the sanitizer a
//    pattern).
//
// The outputs of an operation are filled in when it is handed out, never before.
//
// In the world: one SimPort where server.cpp has a make_port(). A port takes part in nothing else:
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
    std::uint32_t number = 0;  // in the trace
};

class SimPort final : public io::CompletionPort {
public:
    // References are kept to all but the random stream; the mix may be changed meanwhile.
    SimPort(Scheduler& scheduler, Network& network, io::BufferPool& buffers, Random random,
            const FaultMix& faults, const SimPortOptions& options);
    // As the contract says: nothing outstanding, every attached socket closed. Else the run fails.
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
    [[nodiscard]] std::size_t wait(std::span<io::Operation*> completed,
                                   std::uint64_t deadline_ns) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] std::size_t outstanding() const noexcept override;
    [[nodiscard]] io::Counters counters() const noexcept override;
    [[nodiscard]] std::uint64_t now() const noexcept override;

    // The threads that wait in wait() now: "all workers idle" for the world.
    [[nodiscard]] std::uint32_t threads_waiting() const noexcept;

    struct Internals;

private:
    std::unique_ptr<Internals> internals_;
};

}  // namespace portico::sim
