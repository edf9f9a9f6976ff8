// One thread's part of a run: a completion port and the connections on it, from the first connect
// to the last close.
//
//     connect:  the idle connections, then those that talk, a bounded number at a time so that no
//               backlog overflows
//     meet:     wait until every thread has got so far
//     send:     all begin, at an instant that is the same for all; with a rate this thread hands
//               out what is due to its connections in turn
//     meet:     wait until the last connection of every thread is done, so that idle ones stay open
//               to the end
//     close:    the idle connections, then all that is in flight comes back
//
// Concurrency. Everything here belongs to the one thread that calls run(), but for three things:
// RunState, whose members are atomic or locked; the port's wake(), which any thread may call; and
// progress(), relaxed atomics that this thread writes ten times a second and the thread that shows
// progress reads. Each of these is a number of its own about the past, and nothing is concluded
// from two of them together, so no order between them is needed. The totals are read by another
// thread only after this one has been joined.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "io/completion_port.hpp"
#include "load/hostile_connection.hpp"
#include "load/idle_connection.hpp"
#include "load/session.hpp"
#include "load/session_context.hpp"

namespace portico::client {

class LoadThread;

// What the threads of a run share.
struct RunState {
    RunState(const LoadPlan& its_plan, Observer& its_observer,
             const std::atomic<bool>& its_interrupt) noexcept
        : plan(its_plan), observer(its_observer), interrupt(its_interrupt) {}

    void wake_all() noexcept;

    const LoadPlan& plan;
    GuardedObserver observer;
    const std::atomic<bool>& interrupt;
    std::vector<std::unique_ptr<LoadThread>> threads;  // complete before the first of them runs
    // The two meetings: whoever comes last changes the word that all look at, and wakes them.
    std::atomic<std::uint32_t> opening{0};   // threads with connections to open
    std::atomic<std::uint64_t> began_ns{0};  // 0: not yet
    std::atomic<std::uint32_t> working{0};   // threads with a session that is not done
    std::atomic<bool> is_given_up{false};    // a thread could not be started
};

class LoadThread {
public:
    // Of plan.threads threads the one with this index, from 0: every such connection of the plan is
    // its own. The one behind the last has the hostile connections instead, so that no other waits
    // for what these do. `port` is for one thread.
    LoadThread(RunState& run, std::uint32_t index, std::unique_ptr<io::BufferPool> buffers,
               std::unique_ptr<io::CompletionPort> port);

    void run() noexcept;

    // From any thread.
    void wake() noexcept { context_.port.wake(); }
    [[nodiscard]] Progress progress() const noexcept;

    // Once run() has returned.
    [[nodiscard]] const Totals& totals() const noexcept { return context_.totals; }

private:
    struct Tick : io::TimerOperation {
        LoadThread* thread = nullptr;
    };

    void connect_some();
    void begin();
    void begin_series() noexcept;
    void begin_sessions();
    void send_due();
    void send_last_due();
    void count_not_sent() noexcept;
    void wait();
    void end_early_if_asked();
    void drain_if_over();
    void arm_tick();
    void on_tick();
    void connect_idle_again() noexcept;
    void publish_latencies() noexcept;

    [[nodiscard]] bool has_begun() const noexcept { return began_ns_ != 0; }
    [[nodiscard]] bool has_rate() const noexcept { return static_cast<bool>(run_.plan.rate); }
    [[nodiscard]] std::uint32_t connection_of(std::size_t place) const noexcept;
    // With a ramp-up they begin one after the other.
    [[nodiscard]] std::uint64_t begin_of(std::size_t place) const noexcept;
    // Of a run with a duration.
    [[nodiscard]] std::uint64_t end_ns() const noexcept {
        return began_ns_ + run_.plan.warm_up_ns + run_.plan.duration_ns;
    }
    [[nodiscard]] std::uint64_t next_deadline() const noexcept;
    void note_wait(std::uint64_t asked_ns, std::size_t count) noexcept;

    RunState& run_;
    const std::uint32_t index_;
    const std::unique_ptr<io::BufferPool> buffers_;
    const std::unique_ptr<io::CompletionPort> port_;
    SessionContext context_;
    PoissonBlocks poisson_;
    // Where they are made is where they stay: operations point to them.
    std::deque<IdleConnection> idle_;
    std::optional<HostileBytes> hostile_bytes_;
    std::deque<HostileConnection> hostile_;
    std::deque<Session> sessions_;
    std::size_t idle_connected_ = 0;  // those whose connect was started
    std::size_t connected_ = 0;
    std::size_t begun_ = 0;
    bool has_met_ = false;  // all connects are over
    bool is_done_ = false;  // all sessions are
    bool ends_early_ = false;
    std::uint64_t began_ns_ = 0;  // of the run; 0: not yet
    // With a rate: the message that is due next, and whose it is.
    std::uint64_t due_number_ = 1;
    std::size_t due_place_ = 0;
    std::uint64_t due_ns_ = UINT64_MAX;
    std::uint64_t emptied_ns_ = 0;  // when the last wait ended that brought all there was
    Tick tick_;
    std::array<io::Operation*, 256> completed_{};
    struct {
        std::atomic<std::uint64_t> connections_opened{0}, received{0}, latency_p50_ns{0},
            latency_p99_ns{0};
        std::array<std::atomic<std::uint64_t>, finding_kinds> findings{};
    } progress_;
};

}  // namespace portico::client
