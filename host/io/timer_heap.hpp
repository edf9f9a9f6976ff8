// Timers by their deadline: a pairing heap whose nodes are the operations themselves, so that a
// timer can always be set. (A heap in an array must grow, and a port's timer() cannot report that
// memory is out.)
//
// A node's children form a list; each points to the one before it, the first to its parent, and a
// root to itself. push() is O(1), taking out the earliest or any other O(log n) amortised. Nothing
// recurses. Not synchronised: its owner says who may touch it.
#pragma once

#include <cstddef>
#include <utility>

#include "io/operation.hpp"

namespace portico::io {

class TimerHeap {
public:
    TimerHeap() = default;
    TimerHeap(const TimerHeap&) = delete;
    TimerHeap& operator=(const TimerHeap&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // The one with the earliest deadline; null when there is none.
    [[nodiscard]] TimerOperation* front() const noexcept { return root_; }
    [[nodiscard]] static bool contains(const TimerOperation& timer) noexcept {
        return timer.heap.before != nullptr;
    }

    void push(TimerOperation& timer) noexcept {
        timer.heap = {nullptr, nullptr, &timer};
        root_ = root_ == nullptr ? &timer : merged(*root_, timer);
        ++size_;
    }

    // `timer` is in this heap.
    void remove(TimerOperation& timer) noexcept {
        PORTICO_ASSERT(contains(timer));
        TimerOperation* below = merged_children(timer);
        if (&timer == root_) {
            root_ = below;
        } else {
            cut(timer);
            root_ = below == nullptr ? root_ : merged(*root_, *below);
        }
        timer.heap = {};
        --size_;
    }

private:
    // Joins two heaps: the later root becomes the first child of the earlier one.
    static TimerOperation* merged(TimerOperation& left, TimerOperation& right) noexcept {
        TimerOperation& parent = right.deadline_ns < left.deadline_ns ? right : left;
        TimerOperation& child = &parent == &left ? right : left;
        child.heap.next = parent.heap.child;
        child.heap.before = &parent;
        if (child.heap.next != nullptr) {
            child.heap.next->heap.before = &child;
        }
        parent.heap.child = &child;
        return &parent;
    }

    // Takes the node, with all below it, out of its parent's list.
    static void cut(TimerOperation& node) noexcept {
        TimerOperation& before = *node.heap.before;
        (before.heap.child == &node ? before.heap.child : before.heap.next) = node.heap.next;
        if (node.heap.next != nullptr) {
            node.heap.next->heap.before = &before;
        }
        make_root(node);
    }

    static void make_root(TimerOperation& node) noexcept {
        node.heap.next = nullptr;
        node.heap.before = &node;
    }

    // Makes one heap of the children: first in pairs from the first on, then the pairs from the
    // last on.
    static TimerOperation* merged_children(TimerOperation& parent) noexcept {
        TimerOperation* pairs = nullptr;  // the last one first, linked by `next`
        TimerOperation* at = std::exchange(parent.heap.child, nullptr);
        while (at != nullptr) {
            TimerOperation* first = at;
            TimerOperation* second = first->heap.next;
            at = second != nullptr ? second->heap.next : nullptr;
            make_root(*first);
            if (second != nullptr) {
                make_root(*second);
                first = merged(*first, *second);
            }
            first->heap.next = pairs;
            pairs = first;
        }
        TimerOperation* whole = nullptr;
        while (pairs != nullptr) {
            TimerOperation* pair = pairs;
            pairs = std::exchange(pair->heap.next, nullptr);
            whole = whole == nullptr ? pair : merged(*whole, *pair);
        }
        return whole;
    }

    TimerOperation* root_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace portico::io
