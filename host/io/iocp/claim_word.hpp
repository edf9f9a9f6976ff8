// The claim word of an accept or a receive on IOCP. It says which thread has the operation in hand.
//
// Such an operation may need several calls before it completes, some of them on another thread than
// the submitting one, while its owner or the sweep wants to cancel it. The word keeps these threads
// apart. It matters on shared ports only: a single port has one thread. Its values:
//
//     0                      not in the system: with its owner, in one thread's hand, or starved
//     address                in the system; who dequeues its packet has it in hand. (Or the submit
//                            is just making the call.)
//     address | held         in the system, and one thread is making the call, or cancels it, and
//                            may still look at the operation
//     address | held | gone  the same, and its packet has been dequeued; the thread that holds it
//                            carries on with it
//
// Only the thread that has an operation in hand writes 0 -> address and 0 -> address | held. A
// change to 0 by compare-and-swap (acquire) takes the operation in hand, and pairs with the release
// of the thread that put the address there.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.hpp"

namespace portico::io::iocp {

template <template <class> class Atomic, class Operation>
class BasicClaimWord {
public:
    using Word = Atomic<std::uintptr_t>;

    explicit BasicClaimWord(Word& word) noexcept : word_(word) {}

    // For assertions.
    [[nodiscard]] bool is_free() const noexcept {
        return word_.load(std::memory_order_acquire) == 0;
    }

    // The thread that has the operation in hand, before it makes a call: from then on another
    // thread may claim() it. If it is held, that thread leaves the operation to this one, which
    // must release() or take_back().
    void announce(Operation& operation, bool is_held) noexcept {
        PORTICO_ASSERT(word_.load(std::memory_order_relaxed) == 0);
        word_.store(is_held ? address_of(operation) | held : address_of(operation),
                    std::memory_order_release);
    }

    // A packet has come for the operation, or its call ended without one. Returns true if the
    // caller now has it in hand. False: another thread holds it, and carries on with it.
    [[nodiscard]] bool claim(Operation& operation) noexcept {
        const std::uintptr_t address = address_of(operation);
        std::uintptr_t word = address;
        for (;;) {
            // Release, for the holder's acquire: the holder goes on with the result that this
            // thread noted.
            const std::uintptr_t wanted = word == address ? 0 : address | held | gone;
            if (word_.compare_exchange_weak(word, wanted, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return wanted == 0;
            }
            PORTICO_ASSERT(word == address || word == (address | held));
        }
    }

    // The holder lets go. False: the packet has come meanwhile, and this thread now has the
    // operation in hand.
    [[nodiscard]] bool release(Operation& operation) noexcept {
        const std::uintptr_t address = address_of(operation);
        std::uintptr_t word = address | held;
        if (word_.compare_exchange_strong(word, address, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
            return true;
        }
        PORTICO_ASSERT(word == (address | held | gone));
        word_.store(0, std::memory_order_relaxed);
        return false;
    }

    // By the holder, if its call ended without a packet: it has the operation in hand again.
    void take_back() noexcept { word_.store(0, std::memory_order_relaxed); }

    // The operation that is in the system and that nobody holds; null if there is none. It may be
    // gone at once: only its address means something until hold().
    [[nodiscard]] Operation* in_system() const noexcept {
        static_assert(alignof(Operation) > flag_mask);
        const std::uintptr_t word = word_.load(std::memory_order_acquire);
        return (word & flag_mask) != 0 ? nullptr : reinterpret_cast<Operation*>(word);
    }
    // Holds the operation, so that it stays alive and in the system, or in its packet, until
    // release(). False if it is not there any more.
    [[nodiscard]] bool hold(Operation& operation) noexcept {
        std::uintptr_t word = address_of(operation);
        return word_.compare_exchange_strong(word, word | held, std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }

private:
    static constexpr std::uintptr_t held = 1;
    static constexpr std::uintptr_t gone = 2;
    static constexpr std::uintptr_t flag_mask = held | gone;

    [[nodiscard]] static std::uintptr_t address_of(Operation& operation) noexcept {
        return reinterpret_cast<std::uintptr_t>(&operation);
    }

    Word& word_;
};

}  // namespace portico::io::iocp
