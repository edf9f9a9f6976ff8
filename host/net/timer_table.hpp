// The records of all timers of a server, in blocks that stay until the server ends. So any timer's
// number, however old, can be looked up, and the record's generation says whether it is still
// valid.
//
// A timer's number is [upper 40 bits: salt (13) and generation (27)] [lower 24 bits: index], as a
// connection's handle is, with the same salt. A record whose generations are used up is retired.
//
// Concurrency: a block belongs to one group's Timers for good, and its records are under the lock
// of these. find() needs no lock: it reads only what is constant once made_ counts the block.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "net/protocol.hpp"

namespace portico::net {

class Timers;

struct TimerRecord {
    enum class State : std::uint8_t {
        armed,  // in the wheel
        free,
        due,        // in its owner's due queue: the call is to come
        cancelled,  // the same: the last call is to come
        // A periodic timer whose function runs. It is in neither; what follows comes after the
        // call.
        calling,
        calling_cancelled,
        calling_restarted
    };
    static constexpr std::uint32_t generation_bits = 27;
    static constexpr std::uint32_t generation_max = (1U << generation_bits) - 1;

    struct Links {
        std::uint32_t next = 0;
        std::uint32_t before = 0;
    };

    [[nodiscard]] std::uint32_t generation() const noexcept { return word >> generation_shift; }
    [[nodiscard]] State state() const noexcept {
        return static_cast<State>((word & ((1U << generation_shift) - 1)) >> 1);
    }
    void set_state(State state) noexcept {
        word = generation() << generation_shift | static_cast<std::uint32_t>(state) << 1 |
               (word & restarted);
    }
    [[nodiscard]] bool is_restarted() const noexcept { return (word & restarted) != 0; }
    void set_restarted(bool value) noexcept { word = value ? word | restarted : word & ~restarted; }
    void begin_next_generation() noexcept { word = (generation() + 1) << generation_shift; }
    [[nodiscard]] bool is_waiting() const noexcept {
        return state() == State::due || state() == State::cancelled;
    }
    // If it is the timer with this number (apart from index and salt), and armed: 0, or
    // `restarted`. Otherwise more.
    [[nodiscard]] std::uint32_t armed_as(std::uint64_t number) const noexcept {
        constexpr std::uint32_t low_bits = (1U << generation_shift) - 1;
        const auto same_place = static_cast<std::uint32_t>(number >>
                                                           (number_shift - generation_shift));
        static_assert(State::armed == State{});
        return word - (same_place & ~low_bits);
    }

    static constexpr std::uint32_t number_shift = 24;  // of a generation in a number
    static constexpr std::uint32_t generation_shift = 32 - generation_bits;
    // The deadline counts from the last settled instant, which the next one replaces
    // (Timers::settle).
    static constexpr std::uint32_t restarted = 1;

    AnyFunction function = nullptr;
    void* argument = nullptr;
    std::uintptr_t owner = 0;  // see TimerOwner
    // Its place in the wheel is at this instant or before.
    std::uint64_t deadline_ns = 0;
    // [generation:27][state:4][restarted:1]
    std::uint32_t word = static_cast<std::uint32_t>(State::free) << 1;
    std::uint32_t period_ms = 0;
    Links place;     // in the wheel or in the due queue; the next free one
    Links siblings;  // all timers of its owner, in a ring
};
static_assert(sizeof(TimerRecord) == 56);

class TimerTable {
public:
    static constexpr std::uint32_t index_bits = TimerRecord::number_shift;
    static constexpr std::uint32_t none = (1U << index_bits) - 1;
    static constexpr std::uint32_t block_bits = 10;
    static constexpr std::uint32_t block_records = 1U << block_bits;
    // (The last index is `none`, so there is no last block.)
    static constexpr std::uint32_t blocks_max = (1U << (index_bits - block_bits)) - 1;

    explicit TimerTable(std::uint64_t salt) noexcept : salt_(salt) {}
    ~TimerTable();
    TimerTable(const TimerTable&) = delete;
    TimerTable& operator=(const TimerTable&) = delete;

    [[nodiscard]] std::uint64_t number_of(std::uint32_t index,
                                          std::uint32_t generation) const noexcept {
        return (salt_ << TimerRecord::generation_bits | generation) << index_bits | index;
    }

    struct Found {
        Timers* timers = nullptr;  // null if the number cannot be from this table
        TimerRecord* record = nullptr;
        std::uint32_t index = 0;
        std::uint32_t generation = 0;
    };
    [[nodiscard]] Found find(std::uint64_t number) const noexcept {
        const auto index = static_cast<std::uint32_t>(number & none);
        const std::uint64_t upper = number >> index_bits;
        if (upper >> TimerRecord::generation_bits != salt_ ||
            index >> block_bits >= made_.load(std::memory_order_acquire)) {
            return {};
        }
        Block& block = *blocks_[index >> block_bits];
        return {block.timers, &block.records[index & (block_records - 1)], index,
                static_cast<std::uint32_t>(upper & TimerRecord::generation_max)};
    }
    // The record that a number leads to, if it can be one of `timers`; else null.
    [[nodiscard]] TimerRecord* find_of(const Timers& timers, std::uint64_t number) const noexcept {
        const auto index = static_cast<std::uint32_t>(number & none);
        if (number >> (index_bits + TimerRecord::generation_bits) != salt_ ||
            index >> block_bits >= made_.load(std::memory_order_acquire)) {
            return nullptr;
        }
        Block& block = *blocks_[index >> block_bits];
        return block.timers == &timers ? &block.records[index & (block_records - 1)] : nullptr;
    }
    // By those who know that it exists.
    [[nodiscard]] TimerRecord& operator[](std::uint32_t index) const noexcept {
        return blocks_[index >> block_bits]->records[index & (block_records - 1)];
    }

    // Makes a block for `timers` (null in tests of the wheel alone). `first` is its first record;
    // each links to the next as its place, the last one to none.
    enum class Growth : std::uint8_t { grown, limit, no_memory };
    [[nodiscard]] Growth grow(Timers* timers, std::uint32_t& first) noexcept;

    // For measurements: the bytes of all that was allocated.
    [[nodiscard]] std::size_t allocated_bytes() const noexcept;

private:
    struct Block {
        Timers* timers;
        TimerRecord records[block_records];
    };

    const std::uint64_t salt_;
    // The number of blocks. Raised (release) after the block stands in blocks_, read (acquire)
    // before it is looked up.
    std::atomic<std::uint32_t> made_{0};
    Block** blocks_ = nullptr;  // room for blocks_max; made with the first block
    std::mutex mutex_;
};

}  // namespace portico::net
