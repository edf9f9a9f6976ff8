#include "net/timers.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "net/connection.hpp"
#include "net/instance_timers.hpp"
#include "net/timers_inline.hpp"
#include "net/worker.hpp"

namespace portico::net {

namespace {

using State = TimerRecord::State;

std::uint64_t nanoseconds(std::uint32_t milliseconds) noexcept {
    return milliseconds * base::nanoseconds_per_millisecond;
}

}  // namespace

// ---- TimerOwner

Connection& TimerOwner::connection() const noexcept {
    return *reinterpret_cast<Connection*>(bits_);
}

InstanceTimers& TimerOwner::instance() const noexcept {
    return *reinterpret_cast<InstanceTimers*>(bits_ & ~is_instance);
}

bool TimerOwner::is_of(const InstanceTimers& asker) const noexcept {
    return (bits_ & is_instance) != 0 ? &instance() == &asker : connection().is_of(asker.context());
}

bool TimerOwner::is_closing() const noexcept {
    return (bits_ & is_instance) != 0 ? instance().is_closing_ : connection().is_closing();
}

TimerList& TimerOwner::list() const noexcept {
    return (bits_ & is_instance) != 0 ? instance().list_ : connection().timers_;
}

void TimerOwner::raise(bool at_home) const noexcept {
    if ((bits_ & is_instance) != 0) {
        instance().raise(at_home);
    } else {
        connection().raise_timers(at_home);
    }
}

// ---- calls from any thread

Timers::Timers(WorkerGroup& group, bool has_one_thread) noexcept
    : group_(&group),
      has_one_thread_(has_one_thread),
      restarts_limit_(has_one_thread ? restarts_max : 0) {
    alarm_operation_.timers = this;
    alarm_operation_.completed = [](io::Operation& operation) {
        static_cast<AlarmPart&>(operation).timers->alarm_rang();
    };
    poke_operation_.timers = this;
    poke_operation_.completed = [](io::Operation& operation) {
        Timers& timers = *static_cast<PokePart&>(operation).timers;
        timers.guarded([&] { timers.is_poked_ = false; });
        timers.arm();
    };
}

bool Timers::is_home_thread() const noexcept {
    const Worker* worker = Worker::current();
    return worker != nullptr && &worker->group() == group_;
}

Timers::Result Timers::start(TimerTable& table, InstanceTimers& asker, Connection* connection,
                             std::uint64_t generation, const Order& order,
                             std::uint64_t& number) noexcept {
    WorkerGroup* home = connection != nullptr ? connection->home_for(asker.strand())
                                              : &asker.strand().home();
    return home == nullptr
               ? Result::gone
               : home->timers().start_here(table, asker, connection, generation, order, number);
}

Timers::Result Timers::start_here(TimerTable& table, InstanceTimers& asker, Connection* connection,
                                  std::uint64_t generation, const Order& order,
                                  std::uint64_t& number) noexcept {
    const TimerOwner owner = connection != nullptr ? TimerOwner(*connection) : TimerOwner(asker);
    const auto may_start = [&] {
        return connection != nullptr ? connection->takes_calls(asker.context(), generation)
                                     : !asker.is_closing_;
    };
    const std::uint64_t now = group_->port().now();
    for (;;) {
        {
            std::unique_lock lock(lock_);
            if (!may_start()) {
                return Result::gone;
            }
            if (free_ != TimerTable::none) {
                table_ = &table;
                const std::uint32_t index = free_;
                begin(index, owner, order, now);
                number = table.number_of(index, table[index].generation());
                const Next next = file(index);
                lock.unlock();
                follow(next);
                return Result::ok;
            }
        }
        std::uint32_t first = TimerTable::none;
        switch (table.grow(this, first)) {
            case TimerTable::Growth::grown: break;
            case TimerTable::Growth::limit: return Result::limit;
            case TimerTable::Growth::no_memory: return Result::no_memory;
        }
        const std::scoped_lock lock(lock_);
        // Another thread may have done the same; then both blocks are there.
        table[first + TimerTable::block_records - 1].place.next = free_;
        free_ = first;
    }
}

void Timers::begin(std::uint32_t index, TimerOwner owner, const Order& order,
                   std::uint64_t now_ns) noexcept {
    TimerTable& table = *table_;
    TimerRecord& record = table[index];
    free_ = record.place.next;
    record.function = order.function;
    record.argument = order.argument;
    record.owner = owner.bits();
    record.deadline_ns = now_ns + nanoseconds(order.first_ms);
    record.begin_next_generation();
    record.period_ms = order.period_ms;
    TimerList& list = owner.list();
    if (list.empty()) {
        record.siblings = {index, index};
        list.set_any(index);
    } else {
        TimerRecord& any = table[list.any()];
        record.siblings = {any.siblings.next, list.any()};
        table[any.siblings.next].siblings.before = index;
        any.siblings.next = index;
    }
}

// The timer exists, belongs to the asking instance, and its last call is neither over nor certain.
bool Timers::may_change(const TimerTable::Found& found, const InstanceTimers& asker) noexcept {
    const TimerRecord& record = *found.record;
    if (record.generation() != found.generation || record.state() == State::free ||
        record.state() == State::cancelled || record.state() == State::calling_cancelled) {
        return false;
    }
    const TimerOwner owner(record.owner);
    return owner.is_of(asker) && !owner.is_closing();
}

Timers::Result Timers::restart(TimerTable& table, const InstanceTimers& asker, std::uint64_t number,
                               std::uint32_t first_ms, std::uint32_t period_ms) noexcept {
    const TimerTable::Found found = table.find(number);
    return found.timers == nullptr ? Result::gone
                                   : found.timers->restart_here(found, asker, first_ms, period_ms);
}

Timers::Result Timers::restart_here(const TimerTable::Found& found, const InstanceTimers& asker,
                                    std::uint32_t first_ms, std::uint32_t period_ms) noexcept {
    const bool is_only_thread = has_one_thread_ && is_home_thread();
    std::uint64_t now = is_only_thread ? 0 : group_->port().now();
    Next next;
    {
        const std::scoped_lock lock(lock_);
        if (!may_change(found, asker)) {
            return Result::gone;
        }
        found.record->period_ms = period_ms;
        if (is_only_thread) {
            // The next restart can do without.
            now = group_->port().now();
            settle_at(now);
        }
        next = restart_at(found, now + nanoseconds(first_ms));
    }
    follow(next);
    return Result::ok;
}

Timers::Next Timers::restart_at(const TimerTable::Found& found,
                                std::uint64_t deadline_ns) noexcept {
    TimerRecord& record = *found.record;
    const bool is_later = deadline_ns >= record.deadline_ns;
    record.deadline_ns = deadline_ns;
    record.set_restarted(false);
    switch (record.state()) {
        case State::armed:
            if (is_later) {
                return {};
            }
            wheel_.remove(*table_, found.index);
            return file(found.index);
        case State::due:
            unqueue(TimerOwner(record.owner).list(), found.index);
            return file(found.index);
        case State::calling:
        case State::calling_restarted: record.set_state(State::calling_restarted); return {};
        case State::free:
        case State::cancelled:
        case State::calling_cancelled: break;
    }
    PORTICO_ASSERT(!"may_change() has seen to these");
    return {};
}

Timers::Result Timers::cancel(TimerTable& table, const InstanceTimers& asker,
                              std::uint64_t number) noexcept {
    const TimerTable::Found found = table.find(number);
    return found.timers == nullptr ? Result::gone : found.timers->cancel_here(found, asker);
}

Timers::Result Timers::cancel_here(const TimerTable::Found& found,
                                   const InstanceTimers& asker) noexcept {
    TimerRecord& record = *found.record;
    std::uintptr_t to_raise = 0;
    {
        const std::scoped_lock lock(lock_);
        if (!may_change(found, asker)) {
            return Result::gone;
        }
        if (record.state() == State::calling || record.state() == State::calling_restarted) {
            record.set_state(State::calling_cancelled);
            return Result::ok;
        }
        TimerList& list = TimerOwner(record.owner).list();
        if (record.state() == State::armed) {
            wheel_.remove(*table_, found.index);
            queue(list, found.index, State::cancelled);
        } else {
            record.set_state(State::cancelled);
        }
        if (!list.is_mailed()) {
            list.set_mailed(true);
            to_raise = record.owner;
        }
    }
    if (to_raise != 0) {
        TimerOwner(to_raise).raise(false);
    }
    return Result::ok;
}

// ---- on the owner's strand

void Timers::arrived(TimerList& list) noexcept {
    const std::scoped_lock lock(lock_);
    list.set_mailed(false);
}

void Timers::fill(Call& call, std::uint32_t index) const noexcept {
    const TimerRecord& record = (*table_)[index];
    call = {};
    call.function = record.function;
    call.argument = record.argument;
    call.number = table_->number_of(index, record.generation());
}

bool Timers::take(TimerList& list, bool closing, bool all, Call& call) noexcept {
    const std::scoped_lock lock(lock_);
    if (list.empty()) {
        return false;
    }
    TimerTable& table = *table_;
    std::uint32_t index = list.any();
    if (table[index].is_waiting()) {
        index = table[index].place.next;  // after the newest comes the oldest
        unqueue(list, index);
    } else if (all) {
        PORTICO_ASSERT(table[index].state() == State::armed);
        wheel_.remove(table, index);
    } else {
        return false;
    }
    TimerRecord& record = table[index];
    fill(call, index);
    if (record.state() == State::cancelled) {
        call.status = TimerStatus::cancelled;
    } else if (closing) {
        call.status = TimerStatus::closing;
    } else {
        call.status = TimerStatus::ok;
        call.due_ns = record.deadline_ns;
        call.periods = 1;
        if (record.period_ms != 0) {
            begin_period(record, call);
            call.index = index;
            return true;
        }
    }
    free(list, index);
    return true;
}

// One call stands for all periods that have passed.
void Timers::begin_period(TimerRecord& record, Call& call) noexcept {
    const std::uint64_t period = nanoseconds(record.period_ms);
    const std::uint64_t periods = (group_->port().now() - record.deadline_ns) / period + 1;
    record.deadline_ns += periods * period;
    record.set_state(State::calling);
    call.periods = static_cast<std::uint32_t>(std::min<std::uint64_t>(periods, UINT32_MAX));
    call.is_last = false;
}

void Timers::called(const Call& call) noexcept {
    Next next;
    {
        const std::scoped_lock lock(lock_);
        TimerRecord& record = (*table_)[call.index];
        if (record.state() == State::calling_cancelled) {
            queue(TimerOwner(record.owner).list(), call.index, State::cancelled);
            return;
        }
        next = file(call.index);
    }
    follow(next);
}

bool Timers::has_more(TimerList& list) noexcept {
    const std::scoped_lock lock(lock_);
    if (list.empty() || list.is_mailed() || !(*table_)[list.any()].is_waiting()) {
        return false;
    }
    list.set_mailed(true);
    return true;
}

bool Timers::are_over(const TimerList& list) noexcept {
    const std::scoped_lock lock(lock_);
    return list.empty() && !list.is_mailed();
}

// ---- lists

void Timers::queue(TimerList& list, std::uint32_t index, State state) noexcept {
    TimerTable& table = *table_;
    TimerRecord& record = table[index];
    record.set_state(state);
    TimerRecord& newest = table[list.any()];
    if (newest.is_waiting() && list.any() != index) {
        record.place = {newest.place.next, list.any()};
        table[newest.place.next].place.before = index;
        newest.place.next = index;
    } else {
        record.place = {index, index};
    }
    list.set_any(index);
}

void Timers::unqueue(TimerList& list, std::uint32_t index) noexcept {
    TimerTable& table = *table_;
    const TimerRecord::Links place = table[index].place;
    if (list.any() == index) {
        list.set_any(place.before);  // itself, if no other is waiting
    }
    table[place.before].place.next = place.next;
    table[place.next].place.before = place.before;
}

void Timers::free(TimerList& list, std::uint32_t index) noexcept {
    TimerTable& table = *table_;
    TimerRecord& record = table[index];
    const TimerRecord::Links siblings = record.siblings;
    if (siblings.next == index) {
        list.set_any(TimerTable::none);
    } else {
        table[siblings.before].siblings.next = siblings.next;
        table[siblings.next].siblings.before = siblings.before;
        if (list.any() == index) {
            list.set_any(siblings.next);
        }
    }
    record.set_state(State::free);
    record.set_restarted(false);
    if (record.generation() != TimerRecord::generation_max) {
        record.place.next = free_;
        free_ = index;
    }
}

}  // namespace portico::net
