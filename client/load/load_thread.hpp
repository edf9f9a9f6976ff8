// One thread's part of a run: a completion port and the connections on it, from the first connect
// to the last close.
//
//     connect:  the idle connections, then the others, a bounded number at a time so that no
//               backlog overflows
//     meet:     wait until every thread has connected
//     send:     all begin, at an instant that is the same for all; with a rate OpenLoop hands out
//               what is due
//     meet:     wait until the last connection of every thread is done, so that idle ones stay open
//               to the end
//     close:    the idle connections, then all that is in flight comes back
//
// Concurrency. Everything here belongs to the one thread that calls run(), with three exceptions:
// RunState, whose members are atomic or locked; the port's wake(), which any thread may call; and
// progress(), relaxed atomics that this thread writes ten times a second and that the thread that
// shows progress reads. Each of these values is independent of the others, so they need no order.
// Another thread reads the totals only after it has joined this one.
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
#include "load/open_loop.hpp"
#include "load/session_context.hpp"
#include "load/thread_sessions.hpp"

namespace portico::client {

class LoadThread;

// The state that the threads of a run share.
struct RunState {
    RunState(const LoadPlan& its_plan, Observer& its_observer,
             const std::atomic<bool>& its_interrupt) noexcept
        : plan(its_plan), observer(its_observer), interrupt(its_interrupt) {}

    void wake_all() noexcept;

    const LoadPlan& plan;
    GuardedObserver observer;
    const std::atomic<bool>& interrupt;
    std::vector<std::unique_ptr<LoadThread>> threads;  // complete before the first of them runs
    // The two meetings: the last thread to arrive changes the word that all wait for, and wakes
    // them.
    std::atomic<std::uint32_t> opening{0};   // threads with connections to open
    std::atomic<std::uint64_t> began_ns{0};  // 0: not yet
    std::atomic<std::uint32_t> working{0};   // threads with a session that is not done
    std::atomic<bool> is_given_up{false};    // a thread could not be started
};

class LoadThread {
public:
    // One of plan.threads threads, with this index, from 0; the plan's connections are dealt among
    // them in turn. One more thread, after the last, has the hostile connections, so that no other
    // thread waits for them. `port` belongs to this thread alone.
    LoadThread(RunState& run, std::uint32_t index, std::unique_ptr<io::BufferPool> buffers,
               std::unique_ptr<io::CompletionPort> port);

    void run() noexcept;

    // Any thread may call it.
    void wake() noexcept { context_.port.wake(); }
    [[nodiscard]] Progress progress() const noexcept;

    // Only after run() has returned.
    [[nodiscard]] const Totals& totals() const noexcept { return context_.totals; }

private:
    struct Tick : io::TimerOperation {
        LoadThread* thread = nullptr;
    };

    void connect_some();
    void begin();
    void begin_series() noexcept;
    void wait();
    void end_early_if_asked();
    void drain_if_over();
    void arm_tick();
    void on_tick();
    void connect_idle_again() noexcept;
    void publish_latencies() noexcept;

    [[nodiscard]] bool has_rate() const noexcept { return static_cast<bool>(run_.plan.rate); }
    [[nodiscard]] std::uint64_t next_deadline() const noexcept;

    RunState& run_;
    const std::uint32_t index_;
    const std::unique_ptr<io::BufferPool> buffers_;
    const std::unique_ptr<io::CompletionPort> port_;
    SessionContext context_;
    // Operations point into these: they never move.
    std::deque<IdleConnection> idle_;
    std::optional<HostileBytes> hostile_bytes_;
    std::deque<HostileConnection> hostile_;
    ThreadSessions sessions_;
    OpenLoop open_loop_;
    std::size_t idle_connected_ = 0;  // those whose connect was started
    bool has_met_ = false;            // all connects are over
    bool is_done_ = false;            // all sessions are
    bool ends_early_ = false;
    Tick tick_;
    std::array<io::Operation*, 256> completed_{};
    struct {
        std::atomic<std::uint64_t> connections_opened{0}, received{0}, latency_p50_ns{0},
            latency_p99_ns{0};
        std::array<std::atomic<std::uint64_t>, finding_kinds> findings{};
    } progress_;
};

}  // namespace portico::client
