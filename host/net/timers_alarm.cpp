// The wheel of a group's timers, the alarm that wakes a thread for it, and the way of due timers to
// their owners.
#include "net/timers.hpp"
#include "net/worker.hpp"

namespace portico::net {

using State = TimerRecord::State;

Timers::Next Timers::file(std::uint32_t index) noexcept {
    (*table_)[index].set_state(State::armed);
    if (wheel_.file(*table_, index) >= alarm_ns_) {
        return {};
    }
    if (is_home_thread()) {
        return {.has_to_arm = true};
    }
    const bool was_poked = is_poked_;
    is_poked_ = true;
    return {.has_to_poke = !was_poked};
}

void Timers::follow(const Next& next) noexcept {
    if (next.has_to_arm) {
        arm();
    } else if (next.has_to_poke) {
        group_->port().post(poke_operation_);
    }
}

// On a thread of the group. The port is called without the lock, because it may wait for its own.
void Timers::arm() noexcept {
    group_->port().ask_for_exact_deadlines();
    std::unique_lock lock(lock_);
    while (!is_arming_) {
        const std::uint64_t next = wheel_.next_ns();
        if (alarm_ == Alarm::off && next != TimerWheel::never) {
            alarm_ = Alarm::set;
            alarm_ns_ = next;
            is_arming_ = true;
            lock.unlock();
            alarm_operation_.deadline_ns = next;
            group_->port().timer(alarm_operation_);
        } else if (alarm_ == Alarm::set && next < alarm_ns_) {
            // It is set anew when it has come back.
            alarm_ = Alarm::ending;
            alarm_ns_ = 0;
            is_arming_ = true;
            lock.unlock();
            group_->port().cancel(alarm_operation_);
        } else {
            alarm_ns_ = alarm_ == Alarm::off ? TimerWheel::never : alarm_ns_;
            return;
        }
        lock.lock();
        is_arming_ = false;
    }
}

void Timers::alarm_rang() noexcept {
    constexpr int rounds_max = 4;  // then the port gets a look
    guarded([&] {
        alarm_ = Alarm::off;
        alarm_ns_ = 0;
    });
    const std::uint64_t now = group_->port().now();
    for (int rounds = 0; rounds < rounds_max && fire(now); ++rounds) {
    }
    arm();
}

bool Timers::fire(std::uint64_t now_ns) noexcept {
    constexpr std::size_t due_max = 64;
    std::array<std::uint32_t, due_max> due;
    std::array<std::uintptr_t, due_max> owners;
    std::size_t owner_count = 0;
    bool has_more = false;
    {
        const std::scoped_lock lock(lock_);
        if (table_ == nullptr) {
            return false;
        }
        if (has_one_thread_) {
            settle_at(now_ns);
        }
        const std::size_t count = wheel_.advance(*table_, now_ns, due);
        for (std::size_t i = 0; i < count; ++i) {
            const TimerOwner owner((*table_)[due[i]].owner);
            TimerList& list = owner.list();
            queue(list, due[i], State::due);
            if (!list.is_mailed()) {
                list.set_mailed(true);
                owners[owner_count++] = owner.bits();
            }
        }
        has_more = wheel_.next_ns() <= now_ns;
    }
    for (std::size_t i = 0; i < owner_count; ++i) {
        TimerOwner(owners[i]).raise(true);
    }
    return has_more;
}

void Timers::settle_at(std::uint64_t now_ns) noexcept {
    const std::uint64_t passed = now_ns - settled_ns_;
    for (std::uint32_t i = 0; i < restart_count_; ++i) {
        TimerRecord& record = (*table_)[restarts_[i]];
        if (record.is_restarted()) {
            record.set_restarted(false);
            record.deadline_ns += passed;
        }
    }
    restart_count_ = 0;
    settled_ns_ = now_ns;
}

void Timers::settle() noexcept {
    const std::scoped_lock lock(lock_);
    settle_at(group_->port().now());
}

void Timers::stop() noexcept {
    if (guarded([&] { return alarm_ == Alarm::set; })) {
        group_->port().cancel(alarm_operation_);
    }
}

bool Timers::is_poked() noexcept {
    return guarded([&] { return is_poked_; });
}

}  // namespace portico::net
