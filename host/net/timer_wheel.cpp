#include "net/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace portico::net {

TimerWheel::TimerWheel() noexcept {
    first_.fill(TimerTable::none);
}

std::uint64_t TimerWheel::file(TimerTable& table, std::uint32_t index) noexcept {
    TimerRecord& record = table[index];
    const std::uint64_t tick = std::max(tick_of(record.deadline_ns), current_ + 1);
    const auto level = static_cast<std::uint32_t>(std::bit_width(tick ^ current_) - 1) / digit_bits;
    const std::uint32_t shift = level * digit_bits;
    const auto digit = static_cast<std::uint32_t>(tick >> shift) & (slots - 1);
    const std::uint32_t slot = level * slots + digit;
    record.place = {first_[slot], slot_mark | slot};
    if (record.place.next != TimerTable::none) {
        table[record.place.next].place.before = index;
    }
    first_[slot] = index;
    occupied_[level] |= std::uint64_t{1} << digit;
    return tick >> shift << shift << grain_bits;
}

void TimerWheel::remove(TimerTable& table, std::uint32_t index) noexcept {
    const TimerRecord::Links place = table[index].place;
    if (place.next != TimerTable::none) {
        table[place.next].place.before = place.before;
    }
    if ((place.before & slot_mark) == 0) {
        table[place.before].place.next = place.next;
        return;
    }
    const std::uint32_t slot = place.before & ~slot_mark;
    first_[slot] = place.next;
    if (place.next == TimerTable::none) {
        occupied_[slot / slots] &= ~(std::uint64_t{1} << slot % slots);
    }
}

bool TimerWheel::next_slot(std::uint64_t& tick, std::uint32_t& slot) const noexcept {
    // Timers of a level agree with the current tick in all higher digits, so the lowest level that
    // has any comes first.
    for (std::uint32_t level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) {
            continue;
        }
        const auto digit = static_cast<std::uint32_t>(std::countr_zero(occupied_[level]));
        const std::uint32_t shift = level * digit_bits;
        tick = ((current_ >> shift & ~std::uint64_t{slots - 1}) | digit) << shift;
        slot = level * slots + digit;
        return true;
    }
    return false;
}

std::uint64_t TimerWheel::next_ns() const noexcept {
    std::uint64_t tick = 0;
    std::uint32_t slot = 0;
    return next_slot(tick, slot) ? tick << grain_bits : never;
}

std::size_t TimerWheel::advance(TimerTable& table, std::uint64_t now_ns,
                                std::span<std::uint32_t> due) noexcept {
    const std::uint64_t now = now_ns >> grain_bits;
    std::size_t taken = 0;
    std::uint64_t tick = 0;
    std::uint32_t slot = 0;
    std::size_t looks = 0;
    while (next_slot(tick, slot) && tick <= now) {
        current_ = tick;
        while (first_[slot] != TimerTable::none) {
            if (taken == due.size() || looks == looks_max) {
                return taken;  // the rest of the slot comes first next time
            }
            ++looks;
            const std::uint32_t index = first_[slot];
            remove(table, index);
            if (tick_of(table[index].deadline_ns) <= current_) {
                due[taken++] = index;
            } else {
                file(table, index);
            }
        }
    }
    // No place lies in between, so every timer still stands on the right level.
    current_ = std::max(current_, now);
    return taken;
}

}  // namespace portico::net
