// The free list of a pool: a lock-free stack of numbers from 0 to a maximum. Empty at first.
//
// The head carries a tag that changes with every push and pop, so that a pop cannot succeed on a
// head that was popped and pushed again in between (the ABA problem).
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace portico::io {

template <template <class> class Atomic>
class BasicIndexStack {
public:
    static constexpr std::uint32_t none = UINT32_MAX;

    // For the indices below `count`.
    explicit BasicIndexStack(std::uint32_t count)
        : next_(std::make_unique<Atomic<std::uint32_t>[]>(count)) {}

    void push(std::uint32_t index) noexcept {
        std::uint64_t head = head_.load(std::memory_order_relaxed);
        do {
            next_[index].store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
        } while (!head_.compare_exchange_weak(
            head, with_new_tag(head, index), std::memory_order_release, std::memory_order_relaxed));
    }

    // `none` when the stack is empty.
    [[nodiscard]] std::uint32_t pop() noexcept {
        std::uint64_t head = head_.load(std::memory_order_acquire);
        for (;;) {
            const auto index = static_cast<std::uint32_t>(head);
            if (index == none) {
                return none;
            }
            // May be stale when another thread pops this index first; the tag then makes the
            // exchange fail.
            const std::uint32_t next = next_[index].load(std::memory_order_relaxed);
            if (head_.compare_exchange_weak(head, with_new_tag(head, next),
                                            std::memory_order_acquire, std::memory_order_acquire)) {
                return index;
            }
        }
    }

    // The same without the read-modify-writes, for a stack that one thread at a time uses.
    void push_alone(std::uint32_t index) noexcept {
        next_[index].store(static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed)),
                           std::memory_order_relaxed);
        head_.store(index, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t pop_alone() noexcept {
        const auto index = static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed));
        if (index != none) {
            head_.store(next_[index].load(std::memory_order_relaxed), std::memory_order_relaxed);
        }
        return index;
    }

    [[nodiscard]] bool empty() const noexcept {
        return static_cast<std::uint32_t>(head_.load(std::memory_order_acquire)) == none;
    }

private:
    [[nodiscard]] static constexpr std::uint64_t with_new_tag(std::uint64_t old_head,
                                                              std::uint32_t index) noexcept {
        return ((old_head >> 32) + 1) << 32 | index;
    }

    // [tag:32][index:32]. The release of a push pairs with the acquire of the pop that takes the
    // same index: so what the last user of the index wrote, and its next_, are seen by the next
    // one. (Every change is a read-modify-write, so the pairing holds through those in between.)
    Atomic<std::uint64_t> head_{none};
    std::unique_ptr<Atomic<std::uint32_t>[]> next_;
};

using IndexStack = BasicIndexStack<std::atomic>;

}  // namespace portico::io
