// An inbox: any thread adds, and whoever empties it takes all at once, in the order in which they
// were added. Lock-free.
//
// The add that finds the inbox empty, and no other, must see to it that somebody empties it: rings
// a doorbell, wakes a port.
//
// Pairing: the release of add() with the acquire of take_all(), for the elements. The release of
// take_all() with the acquire of the add() that finds the inbox empty: what was done before it was
// emptied (with the doorbell, say, that brought that about) is done for who rings next.
//
// `Atomic` is std::atomic but in tests that switch threads at every access.
#pragma once

#include <atomic>

#include "base/intrusive.hpp"

namespace portico::base {

template <template <class> class Atomic>
class BasicInbox {
public:
    // True when the inbox was empty.
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
