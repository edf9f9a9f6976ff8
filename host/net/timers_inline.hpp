// The restart that a plugin makes with each message, in one piece.
#pragma once

#include "base/clock.hpp"
#include "base/inline.hpp"
#include "net/connection.hpp"
#include "net/worker.hpp"

namespace portico::net {

PORTICO_ALWAYS_INLINE bool Timers::restart_quickly(Timers& timers, TimerRecord& record,
                                                   const Connection* caller, std::uint64_t number,
                                                   std::uint32_t first_ms,
                                                   std::uint32_t period_ms) noexcept {
    if (!timers.lock_.try_lock()) {
        return false;
    }
    const std::uint64_t deadline = timers.settled_ns_ +
                                   first_ms * base::nanoseconds_per_millisecond;
    const std::uint32_t armed = record.armed_as(number);
    bool is_done = false;
    if (armed <= TimerRecord::restarted && deadline >= record.deadline_ns &&
        record.owner == reinterpret_cast<std::uintptr_t>(caller) && !caller->is_closing() &&
        (armed == TimerRecord::restarted || timers.note_restart(record, number))) {
        record.deadline_ns = deadline;
        record.period_ms = period_ms;
        is_done = true;
    }
    timers.lock_.unlock();
    return is_done;
}

PORTICO_ALWAYS_INLINE bool Timers::note_restart(TimerRecord& record,
                                                std::uint64_t number) noexcept {
    if (restart_count_ == restarts_limit_) {
        return false;
    }
    if (restart_count_ == 0) {
        group_->settle_timers_soon();
    }
    restarts_[restart_count_++] = static_cast<std::uint32_t>(number & TimerTable::none);
    record.set_restarted(true);
    return true;
}

}  // namespace portico::net
