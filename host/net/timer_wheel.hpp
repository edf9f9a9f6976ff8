// Timers by their deadline: a hierarchical timing wheel over the records of a TimerTable.
//
// Time is counted in ticks of an eighth of a millisecond (2^17 ns). A timer's tick is the first one
// that begins at its deadline or later, so it is never early. On level 0 a slot is one tick; on
// each other level it is as long as the whole level below. A timer stands on the level of the
// highest digit (of 6 bits) in which its tick differs from the current one. When the current tick
// reaches a slot, its timers are due or move to a lower level.
//
// A timer's deadline may grow while it stands in its place: when the place is reached, it moves on.
// So a restart to a later instant is one store.
//
// Filing and removing are O(1); a timer moves at most once a level. Not synchronised: the owner
// says who may touch it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/timer_table.hpp"

namespace portico::net {

class TimerWheel {
public:
    static constexpr std::uint32_t grain_bits = 17;
    static constexpr std::uint64_t grain_ns = std::uint64_t{1} << grain_bits;
    static constexpr std::uint64_t never = UINT64_MAX;

    TimerWheel() noexcept;

    // Puts it where its deadline says. Returns the instant at which that place is reached.
    std::uint64_t file(TimerTable& table, std::uint32_t index) noexcept;
    void remove(TimerTable& table, std::uint32_t index) noexcept;

    // When advance() has something to do next. It may only move timers then.
    [[nodiscard]] std::uint64_t next_ns() const noexcept;

    // Takes out timers that are due at `now_ns`, at most due.size(), and returns how many. It looks
    // at a limited number of timers. If next_ns() is not later than `now_ns` afterwards, there is
    // more to do.
    [[nodiscard]] std::size_t advance(TimerTable& table, std::uint64_t now_ns,
                                      std::span<std::uint32_t> due) noexcept;

private:
    static constexpr std::uint32_t digit_bits = 6;
    static constexpr std::uint32_t slots = 1U << digit_bits;
    static constexpr std::uint32_t levels = (64 - grain_bits + digit_bits - 1) / digit_bits;
    // In Links::before of the first timer of a slot: the slot's number follows.
    static constexpr std::uint32_t slot_mark = 1U << 31;
    static constexpr std::size_t looks_max = 256;  // of one advance()

    [[nodiscard]] static std::uint64_t tick_of(std::uint64_t deadline_ns) noexcept {
        return (deadline_ns >> grain_bits) + ((deadline_ns & (grain_ns - 1)) != 0 ? 1 : 0);
    }
    // The next tick at which a slot is reached, and that slot. False if there is none.
    [[nodiscard]] bool next_slot(std::uint64_t& tick, std::uint32_t& slot) const noexcept;

    std::uint64_t current_ = 0;  // slots up to this tick are reached
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::uint32_t, levels * slots> first_;
};

}  // namespace portico::net
