// Workers: the threads that drain a completion port and run the strands at home there.
//
//     port.wait -> each operation's completed(), which puts mail on strands
//               -> the strands on the run queue -> flush what they queued -> again
//
// A group is one port with its threads: one thread (per_core), or several (shared, and the threads
// of a blocking instance).
//
// Concurrency. The run queue belongs to the group's one thread; if there are several, mutex_ guards
// it. Other threads put strands there through inbox_: the thread that finds it empty posts the
// doorbell on the port, and the doorbell's completion takes the whole inbox. So the doorbell is
// never posted twice: between its post and the taking nobody finds the inbox empty.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/inbox.hpp"
#include "base/inline.hpp"
#include "base/intrusive.hpp"
#include "io/completion_port.hpp"
#include "io/thread_clock.hpp"
#include "net/call_sampler.hpp"
#include "net/connection_node.hpp"
#include "net/current_call.hpp"
#include "net/protocol.hpp"
#include "net/reservation.hpp"
#include "net/strand.hpp"
#include "net/timers.hpp"
#include "net/walks.hpp"

namespace portico::net {

class Worker;

struct WorkerOptions {
    std::uint32_t threads = 1;       // at least 1
    std::uint32_t first_index = 0;   // worker_index of the first
    std::uint32_t batch = 64;        // operations taken by one wait; 1 if callbacks may block
    std::uint32_t mail_budget = 64;  // mail delivered by a strand before it queues again
    const char* thread_name =
        nullptr;                  // outlives the group; null: "portico-" and the worker's index
    const void* owner = nullptr;  // the server: its workers have different indexes
};

class WorkerGroup {
public:
    // `send_chunks`: where the group's connections keep bytes to be sent. It outlives the group,
    // and so does the port's pool.
    WorkerGroup(std::unique_ptr<io::CompletionPort> port, io::BufferPool& send_chunks,
                const WorkerOptions& options);
    // Must be stopped, or never started.
    ~WorkerGroup();
    WorkerGroup(const WorkerGroup&) = delete;
    WorkerGroup& operator=(const WorkerGroup&) = delete;

    // Makes the threads, which do nothing before begin(). So everything that may fail is done
    // before anything depends on it. Fails if the system gives too few; stop() ends those that were
    // made.
    [[nodiscard]] base::Result<void> start();
    void begin() noexcept;
    // Ends the threads and completes what is still outstanding. No connection and no acceptor may
    // be left. Not from the group's own threads.
    void stop() noexcept;

    // For a group of one worker whose threads were never made: the caller's thread is the worker
    // for one round. It takes one batch of completions, waiting for the first until `deadline_ns`,
    // and runs the strands that they woke. Always the same thread, outside of callbacks.
    void run_round(std::uint64_t deadline_ns) noexcept;
    // For such a group, in the place of stop(): completes what is still outstanding.
    void finish_rounds() noexcept { complete_rest(); }

    [[nodiscard]] io::CompletionPort& port() noexcept { return *port_; }
    [[nodiscard]] io::BufferPool& send_chunks() noexcept { return *send_chunks_; }
    [[nodiscard]] Timers& timers() noexcept { return timers_; }
    [[nodiscard]] Walks& walks() noexcept { return walks_; }
    [[nodiscard]] std::uint32_t thread_count() const noexcept { return options_.threads; }
    // The number of one of its workers, from 0.
    [[nodiscard]] std::uint32_t place_of(const Worker& worker) const noexcept;
    [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const noexcept {
        return workers_;
    }
    // True on one of this group's own threads.
    [[nodiscard]] bool is_current() const noexcept;

    // For a group with one thread: a number that grows, odd while the thread works, even while it
    // waits at the port. The same odd number seen again means that the thread has not come back to
    // the port in between. From any thread; a hint (relaxed), which orders nothing.
    [[nodiscard]] std::uint64_t round() const noexcept;
    [[nodiscard]] static bool is_busy(std::uint64_t round) noexcept { return round % 2 != 0; }

    // A callback on one of its threads does not return. From any thread; hints (relaxed).
    void set_stuck(bool is_stuck) noexcept { stuck_.store(is_stuck, std::memory_order_relaxed); }
    // True: its only thread is stuck, so connections are better off elsewhere.
    [[nodiscard]] bool is_stuck() const noexcept {
        return options_.threads == 1 && stuck_.load(std::memory_order_relaxed);
    }

    // Puts a strand that has become busy on the run queue. From any thread.
    void schedule(Strand& strand) noexcept;

    // By the only thread of the group: Timers::settle() is called at the end of its batch.
    void settle_timers_soon() noexcept {
        attention_.fetch_or(attention_timers, std::memory_order_relaxed);
    }

private:
    friend class Strand;
    friend class Worker;

    template <class Action>
    decltype(auto) guarded(Action&& action) noexcept {
        std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
        if (options_.threads > 1) {
            lock.lock();
        }
        return action();
    }
    void enqueue(Strand& strand) noexcept;
    [[nodiscard]] Strand* dequeue() noexcept;
    void take_inbox() noexcept;
    // Attends to what attention_ says, between two batches. False if the thread shall end.
    [[nodiscard]] bool attend() noexcept;
    void complete_rest() noexcept;

    static constexpr std::uint8_t attention_stop = 1;
    static constexpr std::uint8_t attention_timers = 2;

    const std::unique_ptr<io::CompletionPort> port_;
    io::BufferPool* const send_chunks_;
    const WorkerOptions options_;
    std::mutex mutex_;
    base::Fifo<Strand> run_queue_;  // guarded
    // its length, changed with it; without the lock it is a hint
    std::atomic<std::uint32_t> run_count_{0};
    base::Inbox inbox_;  // strands from other threads
    io::PostOperation doorbell_;
    std::condition_variable begun_changed_;
    bool begun_ = false;  // under mutex_, however many threads there are
    // What a worker does before its next wait; usually nothing. `attention_stop` is set before the
    // stop post and read after a wait, and the post's hand-over orders the two.
    std::atomic<std::uint8_t> attention_{0};
    io::PostOperation stop_post_;
    Timers timers_{*this, options_.threads == 1};
    Walks walks_{*this};
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::atomic<bool> stuck_{false};
};

// One thread's loop.
class Worker {
public:
    Worker(WorkerGroup& group, std::uint32_t index, const void* owner) noexcept
        : group_(&group), index_(index), owner_(owner), call_sampler_(index + 1) {}

    void run() noexcept;

    // The worker whose thread this is; null on all other threads.
    [[nodiscard]] static Worker* current() noexcept { return current_; }

    [[nodiscard]] WorkerGroup& group() const noexcept { return *group_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] const void* owner() const noexcept { return owner_; }
    // Written by the protocol on this thread, read by other threads.
    [[nodiscard]] CurrentCall& current_call() noexcept { return current_call_; }
    // The processor time of this thread.
    [[nodiscard]] const io::ThreadClock& cpu_clock() const noexcept { return cpu_clock_; }
    // Of its thread, for base::stack_of(); 0 until it runs. From any thread.
    [[nodiscard]] std::uint32_t thread_id() const noexcept {
        return thread_id_.load(std::memory_order_relaxed);
    }
    // Used by the protocol on this thread.
    [[nodiscard]] CallSampler& call_sampler() noexcept { return call_sampler_; }
    [[nodiscard]] CallReservation& reservation() noexcept { return reservation_; }

    // A callback of the context's instance is about to run. If its callbacks may take long, the
    // operations that others have submitted go to the system first.
    void before_callback(const ConnectionContext& context) noexcept {
        if (times_turns_) {
            called_ = &context;
            if (context.pace.is_slow()) {
                group_->port().flush();
            }
        }
    }

    // The strand that runs on this thread now, or null.
    [[nodiscard]] Strand* running() const noexcept { return running_; }

    // ---- By a strand, at the beginning and the end of its turn.
    [[nodiscard]] bool may_run_at_once() const noexcept {
        return group_->options_.threads == 1 && running_ == nullptr;
    }
    void begin_running(Strand& strand) noexcept { running_ = &strand; }
    void end_running() noexcept {
        running_ = nullptr;
        if (times_turns_) {
            const std::uint64_t instant = group_->port().now();
            if (called_ != nullptr) {
                called_->pace.took(instant - turn_began_ns_);
                called_ = nullptr;
            }
            turn_began_ns_ = instant;
        }
    }

private:
    friend class WorkerGroup;

    static constexpr std::uint32_t batch_max = 64;

    void run_strands() noexcept;
    // One batch, and what follows from it.
    PORTICO_ALWAYS_INLINE void round(std::span<io::Operation*> batch,
                                     std::uint64_t deadline_ns) noexcept;

    PORTICO_DIRECT_THREAD_LOCAL static constinit thread_local Worker* current_;

    WorkerGroup* group_;
    std::uint32_t index_;
    const void* owner_;
    Strand* running_ = nullptr;
    bool took_stop_post_ = false;
    CurrentCall current_call_;
    CallSampler call_sampler_;
    io::ThreadClock cpu_clock_;
    CallReservation reservation_;
    // On a port that submits in its wait each turn is timed. These say when it began, and whose
    // callbacks it called last.
    bool times_turns_ = false;
    const ConnectionContext* called_ = nullptr;
    std::uint64_t turn_began_ns_ = 0;
    // See WorkerGroup::round(). Written by this thread alone.
    std::atomic<std::uint64_t> round_{0};
    // Likewise, once; relaxed, since a call that a reader has seen comes long after it.
    std::atomic<std::uint32_t> thread_id_{0};
};

inline std::uint64_t WorkerGroup::round() const noexcept {
    return workers_.front()->round_.load(std::memory_order_relaxed);
}

inline std::uint32_t WorkerGroup::place_of(const Worker& worker) const noexcept {
    return worker.index() - options_.first_index;
}

inline bool Strand::begin_turn(Worker& worker) noexcept {
    if (!worker.may_run_at_once() || !mailbox_.try_begin()) {
        return false;
    }
    worker.begin_running(*this);
    return true;
}

}  // namespace portico::net
