// The common part of the backends: the ready list, the timers, the posted operations, the counters
// and the order of things inside wait(). A backend adds its system calls and poll().
//
// Concurrency. On a single port everything but posted_ belongs to the port's one thread, and no
// lock is taken. On a shared port mutex_ guards the ready list and the timers. Counters are read by
// anyone: relaxed atomics, changed by the port's threads (read-modify-write only when there are
// several).
#pragma once

#include <atomic>
#include <mutex>

#include "base/inline.hpp"
#include "base/intrusive.hpp"
#include "io/completion_port.hpp"
#include "io/starved_receives.hpp"
#include "io/timer_heap.hpp"
#include "io/waiters.hpp"

namespace portico::io {

class PortBase : public CompletionPort {
public:
    void timer(TimerOperation& operation) noexcept final;
    [[nodiscard]] std::size_t wait(std::span<Operation*> completed,
                                   std::uint64_t deadline_ns) noexcept final;
    void wake() noexcept final;
    [[nodiscard]] std::size_t outstanding() const noexcept final;
    [[nodiscard]] Counters counters() const noexcept final;

protected:
    using Counter = std::atomic<std::uint64_t>;

    PortBase(BufferPool& buffers, bool shared, bool completes_late = false) noexcept
        : CompletionPort(buffers, completes_late), shared_(shared) {}
    ~PortBase() override;

    // Fetches completions from the system until `deadline_ns` (0: only looks). `into` has at least
    // one slot. Hands each out through finish(). May return 0.
    virtual std::size_t poll(std::span<Operation*> into, std::uint64_t deadline_ns) noexcept = 0;
    // Called at the start of a wait() if receives are starved: they try again here.
    virtual void retry_starved() noexcept = 0;
    // Makes one thread return from poll().
    virtual void interrupt_poll() noexcept = 0;
    // True if the backend holds completions that poll() would hand out without asking the system.
    [[nodiscard]] virtual bool has_more() const noexcept = 0;

    // First step of every submit: the operation is the port's now.
    void start(Operation& operation) noexcept {
        PORTICO_ASSERT(!operation.in_flight);
        operation.in_flight = true;
        operation.error = Error::none;
        operation.native_error = 0;
        operation.cancel_requested.store(false, std::memory_order_relaxed);
        count(submitted_);
    }
    // The same for a post, from any thread.
    void start_post(PostOperation& operation) noexcept;
    // Last step: the operation is its owner's again, as soon as wait() returns it.
    static void finish(Operation& operation) noexcept { operation.in_flight = false; }

    // For an operation that completes in the submitting call (send_at_once, accept_at_once).
    void finish_at_once(Operation& operation) noexcept {
        finish(operation);
        count(completed_);
    }

    // Runs `action` under the port's lock if there is more than one thread.
    template <class Action>
    decltype(auto) guarded(Action&& action) noexcept {
        std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
        if (shared_) {
            lock.lock();
        }
        return action();
    }

    // Puts a completed operation on the ready list.
    void make_ready(Operation& operation) noexcept;
    void make_ready(Operation& operation, Error error, int native_error) noexcept;

    // cancel() for timers.
    void cancel_timer(TimerOperation& operation) noexcept;

    // A receive found the pool empty: it waits for a buffer. Returns false if it `is_cancelled()`.
    // That is asked under the lock that cancel_starved() takes after its caller has noted the
    // cancel: either cancel_starved() finds the receive here, or this call sees the note.
    template <class IsCancelled>
    [[nodiscard]] bool starve(ReceiveOperation& operation, IsCancelled&& is_cancelled) noexcept {
        return guarded([&] {
            if (is_cancelled()) {
                return false;
            }
            starved_.push_back(operation);
            return true;
        });
    }
    // True if the operation was starved, and is the caller's now.
    [[nodiscard]] bool cancel_starved(Operation& operation) noexcept {
        return guarded([&] { return starved_.remove(operation); });
    }
    // For retry_starved(): gives each receive that is starved now one try, oldest first, while the
    // pool has buffers. `retry` returns true if it has completed the operation; if it gets no
    // buffer it starves the receive again.
    template <class Retry>
    void retry_each_starved(Retry&& retry) noexcept {
        for (std::size_t left = starved_.size(); left > 0; --left) {
            if (buffers().in_use() >= buffers().buffers_max()) {
                return;
            }
            ReceiveOperation* operation = guarded([&] { return starved_.pop_front(); });
            if (operation == nullptr) {
                return;
            }
            if (retry(*operation)) {
                make_ready(*operation);
            }
        }
    }

    PORTICO_ALWAYS_INLINE void count(Counter& counter, std::uint64_t by = 1) noexcept {
        if (shared_) {
            counter.fetch_add(by, std::memory_order_relaxed);
        } else {
            counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] bool shared() const noexcept { return shared_; }

    Counter waits_{0};
    Counter receives_{0};
    Counter sends_{0};
    Counter accepts_{0};
    Counter connects_{0};
    Counter cancels_{0};
    std::atomic<std::uint64_t> wakes_{0};  // any thread
    StarvedReceives starved_;              // guarded

private:
    std::size_t take_ready(std::span<Operation*> into) noexcept;
    void expire_timers() noexcept;
    // A look of wait() at the system.
    struct Look {
        bool had_ready;  // the ready list was not empty
        bool was_full;   // found a whole batch
        bool found;      // found something
    };
    void plan_passes(const Look& look) noexcept;
    // Takes from the ready list what may be handed out before the next look.
    std::size_t take_of_pass(std::span<Operation*> into) noexcept;
    [[nodiscard]] std::uint64_t next_timer() noexcept;

    const bool shared_;
    std::mutex mutex_;
    base::Fifo<Operation> ready_;  // guarded
    TimerHeap timers_;             // guarded
    ListSize ready_count_;         // of ready_
    ListSize timer_count_;         // of timers_; announces a timer that is due before all others
    Waiters waiters_;              // threads inside a poll() that may block; shared ports only
    // These decide when wait() asks the system. They are hints: relaxed, and on a shared port one
    // thread's change may overwrite another's.
    // calls in a row that left the system to a thread that was waiting there
    std::atomic<std::uint32_t> left_to_waiter_{0};
    std::atomic<std::uint32_t> passes_{1};       // over the ready list, from one look to the next
    std::atomic<std::uint32_t> passes_left_{1};  // passes left before the next look
    std::atomic<std::uint32_t> pass_left_{0};    // operations left of the pass that has begun
    std::atomic<std::uint32_t> full_looks_{0};   // looks in a row that filled the batch
    Counter submitted_{0};
    Counter completed_{0};
    std::atomic<std::uint64_t> posted_{0};
};

}  // namespace portico::io
