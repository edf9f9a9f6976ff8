// The wake protocol of a shared port: no thread goes on to wait while there is work that another
// thread has added.
//
// A thread that is about to wait counts itself and then looks for work (begin). A thread that adds
// work makes it visible and then looks at the count (wake). All of these steps are seq_cst, so the
// two cannot both miss the other: the first finds the work, or the second interrupts a thread that
// waits. Some work the port cannot see (the caller's own queues, starved receives, posts left
// over): if wake() finds nobody waiting it leaves a note, which makes the next wait only look. The
// waiter also looks at the sizes of the port's own lists (BasicListSize::has_any_for_waiter), so it
// need not wait for a wake() that is still to come.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace portico::io {

template <template <class> class Atomic>
class BasicWaiters {
public:
    // True if a thread waits. A hint.
    [[nodiscard]] bool any() const noexcept {
        return waiting_.load(std::memory_order_relaxed) != 0;
    }

    // A thread is about to wait. Returns true if a wake() has found nobody waiting: then only look.
    [[nodiscard]] bool begin() noexcept {
        waiting_.fetch_add(1, std::memory_order_seq_cst);
        return noted_.exchange(false, std::memory_order_seq_cst);
    }
    void end() noexcept { waiting_.fetch_sub(1, std::memory_order_relaxed); }

    // There is work. Returns true if a thread waits: the caller must interrupt one.
    [[nodiscard]] bool wake() noexcept {
        noted_.store(true, std::memory_order_seq_cst);
        if (waiting_.load(std::memory_order_seq_cst) == 0) {
            return false;
        }
        // The interrupt replaces the note: the thread that it wakes looks at everything. (If this
        // takes back another thread's note as well, that one's work is there before the interrupt.)
        noted_.store(false, std::memory_order_relaxed);
        return true;
    }

private:
    Atomic<std::uint32_t> waiting_{0};
    Atomic<bool> noted_{false};
};

// The size of a list that the port's lock guards, so that an empty one costs no lock. The list
// itself is read under the lock.
template <template <class> class Atomic>
class BasicListSize {
public:
    // Called under the lock. A shared port calls wake() afterwards, at the end of wait() at the
    // latest.
    void set(std::size_t size, bool is_shared) noexcept {
        size_.store(size, is_shared ? std::memory_order_seq_cst : std::memory_order_relaxed);
    }
    // A hint without the lock.
    [[nodiscard]] std::size_t get() const noexcept { return size_.load(std::memory_order_relaxed); }
    // After BasicWaiters::begin(), with which it pairs.
    [[nodiscard]] bool has_any_for_waiter() const noexcept {
        return size_.load(std::memory_order_seq_cst) != 0;
    }

private:
    Atomic<std::size_t> size_{0};
};

using Waiters = BasicWaiters<std::atomic>;
using ListSize = BasicListSize<std::atomic>;

}  // namespace portico::io
