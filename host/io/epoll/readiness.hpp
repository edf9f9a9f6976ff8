// The readiness word of one direction of a socket. It says whether an edge has come, or which
// operation waits for one.
//
//     0                        nothing waits, and no edge has come since the last call would have
//                              blocked or read short
//     ready                    an edge has come (or the last read filled its buffer): the next
//                              operation tries at once. Sends do so anyway, and leave the flag
//                              until one was partial: only an operation about to park must not
//                              miss it
//     ended                    the peer's end, an error, or urgent data has been seen: every
//                              receive tries at once (ready is implied), until one would block
//     cancelled                cancel() did not find the operation waiting: a thread that has it in
//                              hand ends it instead of parking it (noted here and not in the
//                              operation, which may be gone as soon as it is parked)
//     an operation's address   it waits for the next edge
//
// Several threads use a word at once: the one that submits and cancels, and those that take edges
// from the system. All changes are read-modify-writes (acquire and release). The thread that takes
// an operation's address out owns the operation, and sees all that the parking thread wrote.
// Nothing is lost: an operation is parked only if nothing new is noted, and an edge that came
// before has made the word `ready`.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/inline.hpp"

namespace portico::io::epoll {

template <template <class> class Atomic, class Operation>
class BasicReadiness {
public:
    using Word = Atomic<std::uintptr_t>;

    static constexpr std::uintptr_t ready = 1;
    static constexpr std::uintptr_t ended = 2;
    static constexpr std::uintptr_t cancelled = 4;

    PORTICO_ALWAYS_INLINE explicit BasicReadiness(Word& word) noexcept : word_(word) {}

    // True if an operation waits. For assertions.
    [[nodiscard]] bool is_waited_for() const noexcept {
        return is_operation(word_.load(std::memory_order_acquire));
    }
    [[nodiscard]] bool is_cancelled() const noexcept {
        return (word_.load(std::memory_order_acquire) & cancelled) != 0;
    }
    // True if no operation waits and all of `flags` are noted. A hint on a shared port.
    [[nodiscard]] bool has_noted(std::uintptr_t flags) const noexcept {
        const std::uintptr_t word = word_.load(std::memory_order_relaxed);
        return !is_operation(word) && (word & flags) == flags;
    }

    // By the thread that has the operation in hand: the next attempt must be made at once.
    void note(std::uintptr_t flags) noexcept { word_.fetch_or(flags, std::memory_order_acq_rel); }
    // By the same thread, before an attempt: clears flags that mean nothing after it: `ready`, and
    // at the submit a `cancelled` that came too late for the operation before. Flags that come from
    // here on are kept.
    PORTICO_ALWAYS_INLINE void use_up(std::uintptr_t flags) noexcept {
        if ((word_.load(std::memory_order_relaxed) & flags) != 0) {
            word_.fetch_and(~flags, std::memory_order_acq_rel);
        }
    }

    // Parks an operation that has not been tried. Returns false if anything is noted. After a true
    // another thread may have completed the operation: do not touch it any more.
    [[nodiscard]] bool park_untried(Operation& operation) noexcept {
        std::uintptr_t nothing = 0;
        return word_.compare_exchange_strong(nothing, address_of(operation),
                                             std::memory_order_acq_rel, std::memory_order_acquire);
    }

    enum class Parked : std::uint8_t {
        parked,     // as after park_untried()
        edge,       // one has come since the attempt, and is used up: try again
        cancelled,  // the operation is still in hand, and ends
    };
    // Parks an operation whose attempt would have blocked.
    [[nodiscard]] Parked park(Operation& operation) noexcept {
        std::uintptr_t word = word_.load(std::memory_order_acquire);
        for (;;) {
            if ((word & cancelled) != 0) {
                return Parked::cancelled;
            }
            if ((word & ready) != 0) {
                word_.fetch_and(~ready, std::memory_order_acq_rel);
                return Parked::edge;
            }
            // Without a new edge an `ended` is a leftover (of an earlier socket in this place, or
            // of a passing error): wait as usual. One that came with a new edge must stay until a
            // receive has seen the end: the next attempt may get only the data in front of it.
            if (word_.compare_exchange_weak(word, address_of(operation), std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return Parked::parked;
            }
        }
    }

    // Handles an edge, with its `flags`: takes the waiting operation, which is the caller's from
    // now on, or notes the edge and returns null.
    [[nodiscard]] Operation* take_edge(std::uintptr_t flags) noexcept {
        std::uintptr_t word = word_.load(std::memory_order_acquire);
        for (;;) {
            const bool is_waiting = is_operation(word);
            // If one waits, `ended` stays behind; a plain edge is used up by its attempt.
            const std::uintptr_t changed = is_waiting ? flags & ended : word | flags;
            if (word_.compare_exchange_weak(word, changed, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return is_waiting ? operation_in(word) : nullptr;
            }
        }
    }

    enum class Cancelled : std::uint8_t {
        taken,      // it waited, and is the caller's from now on
        completed,  // it has been handed out, and its successor waits
        noted,      // it is in hand elsewhere, or was handed out
    };
    [[nodiscard]] Cancelled cancel(Operation& operation) noexcept {
        std::uintptr_t word = word_.load(std::memory_order_acquire);
        for (;;) {
            const bool is_waiting = word == address_of(operation);
            if (!is_waiting && is_operation(word)) {
                return Cancelled::completed;
            }
            if (word_.compare_exchange_weak(word, is_waiting ? 0 : word | cancelled,
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                return is_waiting ? Cancelled::taken : Cancelled::noted;
            }
        }
    }

private:
    static constexpr std::uintptr_t flag_mask = ready | ended | cancelled;

    [[nodiscard]] static bool is_operation(std::uintptr_t word) noexcept {
        return (word & ~flag_mask) != 0;
    }
    [[nodiscard]] static Operation* operation_in(std::uintptr_t word) noexcept {
        static_assert(alignof(Operation) > flag_mask);
        return reinterpret_cast<Operation*>(word & ~flag_mask);
    }
    [[nodiscard]] static std::uintptr_t address_of(Operation& operation) noexcept {
        return reinterpret_cast<std::uintptr_t>(&operation);
    }

    Word& word_;
};

}  // namespace portico::io::epoll
