// The one word of a connection's slot that all threads share: which connection lives in it, how far
// its close has come, and how many bytes are promised to it. It changes only by compare-and-swap.
// So a send from anywhere either finds the right connection open and has its bytes counted, or
// learns that it is gone; there is nothing in between.
//
//   bits 0..31   reserved: bytes that send accepted and that are not with the system yet. Each call
//                that is on its way by mail adds to them: a send Connection::call_bytes, any other
//                call one. The close waits for 0, so every accepted call reaches the strand before
//                on_close.
//   bit 32       blocked: a send was refused, an on_writable is owed
//   bit 33       closing: no new send or post
//   bit 34       final: nothing more is accepted at all; on_close is due or has run
//   bit 35       finished: no new send, since the sending side ends after what is reserved
//   bit 36       aborting: an abort has been asked for; a second one is refused
//   bits 37..63  generation, from 1; goes up with the next connection in the slot
//
// Pairing: each change is acq_rel, each look an acquire. The release that opens a generation pairs
// with the acquire of every thread that finds that generation: it sees the slot as it was opened.
// The release of a give_back() pairs with the acquire of close_for_good(): the closing thread sees
// what those calls did.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.hpp"

namespace portico::net {

enum class Reserve : std::uint8_t {
    accepted,
    would_block,  // and an on_writable is owed now, unless the caller wants none
    finished,     // the sending side was ended
    gone,
};

template <template <class> class Atomic>
class BasicSlotWord {
public:
    static constexpr std::uint32_t generation_bits = 27;
    static constexpr std::uint64_t generation_max = (std::uint64_t{1} << generation_bits) - 1;

    [[nodiscard]] static constexpr std::uint32_t reserved_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word);
    }
    [[nodiscard]] static constexpr std::uint64_t generation_of(std::uint64_t word) noexcept {
        return word >> generation_shift;
    }
    [[nodiscard]] static constexpr bool is_closing(std::uint64_t word) noexcept {
        return (word & closing) != 0;
    }
    // A send was refused, and its on_writable is owed.
    [[nodiscard]] static constexpr bool is_blocked(std::uint64_t word) noexcept {
        return (word & blocked) != 0;
    }
    [[nodiscard]] static constexpr bool is_final(std::uint64_t word) noexcept {
        return (word & final) != 0;
    }

    [[nodiscard]] std::uint64_t load() const noexcept {
        return word_.load(std::memory_order_acquire);
    }

    // Opens the next connection in the slot. By the owner of a free slot. `bytes`: what its queue
    // holds already.
    void open(std::uint32_t bytes = 0) noexcept {
        const std::uint64_t word = word_.load(std::memory_order_relaxed);
        PORTICO_ASSERT(is_final(word) && reserved_of(word) == 0 &&
                       generation_of(word) != generation_max);
        word_.store(((generation_of(word) + 1) << generation_shift) | bytes,
                    std::memory_order_release);
    }

    // Reserves `bytes` of a send if fewer than `high` are reserved. (high + bytes must stay below
    // 2^32.) `owes_writable`: if it is refused because the queue is full, an on_writable follows.
    [[nodiscard]] Reserve reserve(std::uint64_t generation, std::uint32_t bytes, std::uint32_t high,
                                  bool owes_writable = true) noexcept {
        std::uint64_t word = load();
        for (;;) {
            if (generation_of(word) != generation || is_closing(word)) {
                return Reserve::gone;
            }
            if ((word & finished) != 0) {
                return Reserve::finished;
            }
            const bool full = reserved_of(word) >= high;
            if (full && !owes_writable) {
                return Reserve::would_block;
            }
            // The step that finds it full also marks it, so that no on_writable can come between
            // the two.
            const std::uint64_t changed = full ? word | blocked : word + bytes;
            if (word_.compare_exchange_weak(word, changed, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return full ? Reserve::would_block : Reserve::accepted;
            }
        }
    }

    // True if nobody has been refused, and nobody will be before another call is accepted, which
    // sends mail.
    [[nodiscard]] static bool leaves_room(std::uint64_t word, std::uint32_t high) noexcept {
        return reserved_of(word) < high && (word & blocked) == 0;
    }

    // On the strand, whose queue holds `queued` bytes: the same for a send that takes effect at
    // once. That is allowed if nothing is marked and exactly the queued bytes are reserved: then
    // the send overtakes no accepted call that is still on its way by mail. Otherwise this returns
    // false, and reserve() says why.
    [[nodiscard]] bool reserve_at_once(std::size_t queued, std::uint64_t generation,
                                       std::uint32_t bytes, std::uint32_t high) noexcept {
        std::uint64_t word = generation << generation_shift | queued;
        return queued < high &&
               word_.compare_exchange_strong(word, word + bytes, std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }

    // The mark that a call sets in the step that reserves.
    enum class Mark : std::uint8_t { nothing, closing, finished, aborting };

    // Reserves one for a call by mail, and sets its mark. `even_closing`: also on a closing
    // connection, for calls that still matter then (an abort, the host's own orders). False if the
    // connection is gone.
    [[nodiscard]] bool reserve_call(std::uint64_t generation, bool even_closing,
                                    Mark mark = Mark::nothing) noexcept {
        std::uint64_t word = load();
        for (;;) {
            if (generation_of(word) != generation || is_final(word) ||
                (is_closing(word) && !even_closing) ||
                (mark == Mark::aborting && (word & aborting) != 0) ||
                reserved_of(word) == UINT32_MAX) {
                return false;
            }
            if (word_.compare_exchange_weak(word, (word + 1) | bits_of(mark),
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                return true;
            }
        }
    }

    // Gives `bytes` back. True if the connection was blocked and no longer is (fewer than low() are
    // left, or none): one on_writable is due now. low() is asked only if it was blocked.
    template <class Low>
    [[nodiscard]] bool give_back(std::uint32_t bytes, const Low& low) noexcept {
        std::uint64_t word = load();
        for (;;) {
            PORTICO_ASSERT(reserved_of(word) >= bytes);
            const std::uint64_t less = word - bytes;
            const bool unblocks = (word & blocked) != 0 &&
                                  (reserved_of(less) < low() || reserved_of(less) == 0);
            if (word_.compare_exchange_weak(word, unblocks ? less & ~blocked : less,
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                return unblocks;
            }
        }
    }

    // On the strand: from now on sends and posts find the connection gone.
    void begin_closing() noexcept { word_.fetch_or(closing, std::memory_order_acq_rel); }

    // On the strand, as its last step: true if nothing is reserved; then nothing ever will be.
    // False if some call is still on its way.
    [[nodiscard]] bool close_for_good() noexcept {
        std::uint64_t word = load();
        for (;;) {
            PORTICO_ASSERT(is_closing(word) && !is_final(word));
            if (reserved_of(word) != 0) {
                return false;
            }
            if (word_.compare_exchange_weak(word, (word | final) & ~blocked,
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                return true;
            }
        }
    }

private:
    [[nodiscard]] static constexpr std::uint64_t bits_of(Mark mark) noexcept {
        switch (mark) {
            case Mark::nothing: break;
            case Mark::closing: return closing;
            case Mark::finished: return finished;
            case Mark::aborting: return closing | aborting;
        }
        return 0;
    }

    static constexpr std::uint32_t generation_shift = 64 - generation_bits;
    static constexpr std::uint64_t blocked = std::uint64_t{1} << 32;
    static constexpr std::uint64_t closing = std::uint64_t{1} << 33;
    static constexpr std::uint64_t final = std::uint64_t{1} << 34;
    static constexpr std::uint64_t finished = std::uint64_t{1} << 35;
    static constexpr std::uint64_t aborting = std::uint64_t{1} << 36;

    Atomic<std::uint64_t> word_{closing | final};  // generation 0: nobody has lived here yet
};

using SlotWord = BasicSlotWord<std::atomic>;

}  // namespace portico::net
