// An inbox. Any thread adds to it; the thread that empties it takes everything at once, in the
// order of the adds. Lock-free.
//
// The caller whose add finds the inbox empty, and no other, must make sure that somebody empties
// it: it posts a doorbell, or wakes a port.
//
// Pairing: the release of add() pairs with the acquire of take_all(), for the elements. The release
// of take_all() pairs with the acquire of the add() that finds the inbox empty: the next caller to
// post the doorbell sees all that was done before the inbox was emptied, for example to that
// doorbell.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>

#include "base/intrusive.hpp"

namespace portico::base {

template <template <class> class Atomic>
class BasicInbox {
public:
    // True if the inbox was empty.
    [[nodiscard]] bool add(Link& element) noexcept {
        Link* newest = newest_.load(std::memory_order_relaxed);
        do {
            element.next = newest;
        } while (!newest_.compare_exchange_weak(newest, &element, std::memory_order_acq_rel,
                                                std::memory_order_relaxed));
        return newest == nullptr;
    }

    template <class T>
    void take_all(Fifo<T>& into) noexcept {
        into.append_reversed(newest_.exchange(nullptr, std::memory_order_acq_rel));
    }

    // A hint.
    [[nodiscard]] bool empty() const noexcept {
        return newest_.load(std::memory_order_relaxed) == nullptr;
    }

private:
    Atomic<Link*> newest_{nullptr};
};

using Inbox = BasicInbox<std::atomic>;

}  // namespace portico::base
