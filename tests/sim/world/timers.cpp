#include "sim/world/timers.hpp"

#include <algorithm>
#include <string>

#include "support/extension.hpp"

namespace portico::sim {

void WorldTimers::violated(const Timer& timer, const std::string& what) {
    ledger_.violated("timer " + std::to_string(timer.number) + " of " +
                     (timer.line != nullptr ? "connection " + std::to_string(timer.line->number)
                                            : "service " + std::to_string(timer.service->number)) +
                     ": " + what);
}

const portico_timers* WorldTimers::table(Service& from) const {
    return test::extension<portico_timers>(*from.host, from.handle, PORTICO_EXT_TIMER);
}

std::uint32_t WorldTimers::draw_ms() {
    return static_cast<std::uint32_t>(random_.one_in(16) ? 3'600'000 : random_.skewed(300));
}

template <class Call>
portico_status WorldTimers::inside(Call&& call) {
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    const portico_status status = call();
    Ledger::in_host_call() = false;
    return status;
}

// ---- calls

void WorldTimers::meddle(Service& from) {
    if (!random_.one_in(6) || from.host == nullptr) {
        return;
    }
    if (all_.empty() || random_.one_in(2)) {
        start(from);
        return;
    }
    // Prefers newer ones, because they are alive. Some are another service's.
    const std::size_t back = static_cast<std::size_t>(random_.skewed(all_.size() - 1));
    Timer& timer = *all_[all_.size() - 1 - back];
    if (timer.id == 0) {
        return;
    }
    if (random_.one_in(2)) {
        cancel(from, timer);
    } else {
        restart(from, timer);
    }
}

void WorldTimers::start(Service& from) {
    if (all_.size() == timers_max) {
        return;
    }
    Line* const line = !ledger_.lines().empty() && !random_.one_in(4) ? ledger_.draw_line(random_)
                                                                      : nullptr;
    Timer& timer = *all_.emplace_back(std::make_unique<Timer>());
    timer.timers = this;
    timer.number = static_cast<std::uint32_t>(all_.size() - 1);
    timer.service = &from;
    timer.line = line;
    const std::uint32_t first_ms = draw_ms();
    const std::uint32_t period_ms = random_.one_in(3) ? 1 + draw_ms() : 0;
    timer.is_periodic = period_ms != 0;
    timer.period_ns = period_ms * ms;
    timer.not_before_ns = scheduler_.now() + first_ms * ms;
    const bool is_gone = from.is_destroyed ||
                         (line != nullptr && (!line->may_be_of(from) || line->is_surely_gone() ||
                                              line->is_close_sure || line->is_abort_sure));
    portico_timer id = 0;
    const portico_timers* const functions = table(from);
    if (functions == nullptr) {
        timer.is_refused = true;
        return;
    }
    const portico_status status = inside([&] {
        return functions->start(from.handle, line != nullptr ? line->handle : 0, first_ms,
                                period_ms, on_timer, &timer, &id);
    });
    scheduler_.trace("call: start of timer {} answers -{} (service {})", timer.number,
                     static_cast<std::uint64_t>(-status), from.number);
    if (status == PORTICO_OK) {
        timer.id = id;
        timer.is_accepted = true;
        timer.due_ns = std::max(timer.due_ns, scheduler_.now() + first_ms * ms);
        if (is_gone) {
            violated(timer, "it was started on something that is gone");
        }
    } else if (status != PORTICO_GONE || timer.is_over || timer.oks != 0) {
        violated(timer, "start answers " + std::to_string(status));
    } else {
        timer.is_refused = true;
    }
}

bool WorldTimers::must_be_gone(const Service& from, const Timer& timer) {
    const Line* const line = timer.line;
    const bool is_closing = line != nullptr &&
                            (line->is_surely_gone() || line->is_close_sure || line->is_abort_sure);
    return timer.is_over || timer.is_cancelled || timer.service != &from || from.is_destroyed ||
           is_closing;
}

void WorldTimers::restart(Service& from, Timer& timer) {
    const bool is_gone = must_be_gone(from, timer);
    const std::uint32_t first_ms = draw_ms();
    const std::uint32_t period_ms = timer.is_periodic ? 1 + draw_ms() : 0;
    const std::uint64_t earliest = scheduler_.now() + first_ms * ms;
    const std::uint64_t not_before = timer.not_before_ns;
    const bool begins_alone = timer.restarts_running++ == 0;
    const std::uint32_t begun = ++timer.restarts_begun;
    const std::uint32_t oks = timer.oks;
    timer.not_before_ns = std::min(not_before, earliest);
    timer.period_ns = 0;
    const portico_timers* const functions = table(from);
    const portico_status status = functions == nullptr ? PORTICO_GONE : inside([&] {
        return functions->restart(from.handle, timer.id, first_ms, period_ms);
    });
    --timer.restarts_running;
    scheduler_.trace("call: restart of timer {} answers -{} (service {})", timer.number,
                     static_cast<std::uint64_t>(-status), from.number);
    if (status != PORTICO_OK && status != PORTICO_GONE) {
        violated(timer, "restart answers " + std::to_string(status));
    }
    if (status != PORTICO_OK) {
        return;
    }
    if (is_gone) {
        violated(timer, "it was restarted, and its last call is certain, or it is another's");
    }
    timer.due_ns = std::max(timer.due_ns, scheduler_.now() + first_ms * ms);
    // A one-shot timer that was not called meanwhile cannot come before its new time.
    // (Of restarts that run at the same time, any may be the last.)
    if (begins_alone && timer.restarts_begun == begun && !timer.is_periodic && timer.oks == oks) {
        timer.not_before_ns = earliest;
    }
}

void WorldTimers::cancel(Service& from, Timer& timer) {
    const bool is_gone = must_be_gone(from, timer);
    ++timer.cancels_begun;
    const portico_timers* const functions = table(from);
    const portico_status status = functions == nullptr ? PORTICO_GONE : inside([&] {
        return functions->cancel(from.handle, timer.id);
    });
    scheduler_.trace("call: cancel of timer {} answers -{} (service {})", timer.number,
                     static_cast<std::uint64_t>(-status), from.number);
    if (status != PORTICO_OK && status != PORTICO_GONE) {
        violated(timer, "cancel answers " + std::to_string(status));
    }
    if (status == PORTICO_OK) {
        if (is_gone) {
            violated(timer, "it was cancelled, and its last call is certain, or it is another's");
        }
        timer.is_cancelled = true;
    }
}

// ---- its own calls

void PORTICO_CALL WorldTimers::on_timer(void* self, portico_connection connection, void* state,
                                        void* argument, const portico_timer_event* event) {
    auto& timer = *static_cast<Timer*>(argument);
    WorldTimers& timers = *timer.timers;
    const Ledger::Callback callback(
        timers.ledger_, *timer.service, timer.line,
        timer.line != nullptr ? "connection {}: timer {} calls" : "service {}: timer {} calls",
        timer.number);
    if (self != timer.service || connection != (timer.line != nullptr ? timer.line->handle : 0)) {
        timers.violated(timer, "a call for another instance or connection");
    }
    timers.called(timer, state, *event);
}

void WorldTimers::called(Timer& timer, const void* state, const portico_timer_event& event) {
    const portico_status status = event.status;
    scheduler_.trace("timer {} is called with -{}, {} periods", timer.number,
                     static_cast<std::uint64_t>(-status), event.periods);
    const Line* const line = timer.line;
    if (timer.is_over || timer.is_refused || (timer.id != 0 && timer.id != event.timer)) {
        violated(timer, "a call after the last one, of a timer that was refused, or of another");
    }
    if (state != (line != nullptr && line->is_accepted ? line : nullptr)) {
        violated(timer, "a call with another state than the connection's");
    }
    const bool is_last = status != PORTICO_OK || !timer.is_periodic;
    if (event.struct_size != sizeof event || event.flags != (is_last ? PORTICO_TIMER_LAST : 0U)) {
        violated(timer,
                 "a last call that is not marked, or one that is marked and is not the last");
    }
    if (status != PORTICO_OK && (event.due_ns != 0 || event.periods != 0)) {
        violated(timer, "it was due, and the call's status says otherwise");
    }
    switch (status) {
        case PORTICO_OK: fired(timer, event); break;
        case PORTICO_CANCELLED:
            if (timer.cancels_begun == 0) {
                violated(timer, "PORTICO_CANCELLED, and nobody has cancelled it");
            }
            break;
        case PORTICO_CLOSING:
            if (timer.is_cancelled) {
                violated(timer, "PORTICO_CLOSING, and it was cancelled before");
            }
            break;
        default: violated(timer, "a call with status " + std::to_string(status));
    }
    timer.is_over = is_last;
    timer.due_ns = is_last ? UINT64_MAX : scheduler_.now() + 3'600'001 * ms;
    scheduler_.switch_point();
    if (!is_last && status == PORTICO_OK && timer.oks >= periods_max) {
        cancel(*timer.service, timer);
    }
    meddle(*timer.service);
}

void WorldTimers::fired(Timer& timer, const portico_timer_event& event) {
    const std::uint64_t now = scheduler_.now();
    if (now < timer.not_before_ns || event.due_ns < timer.not_before_ns || now < event.due_ns) {
        violated(timer, "it comes at " + std::to_string(now) + ", was due at " +
                            std::to_string(event.due_ns) + ", and may not come before " +
                            std::to_string(timer.not_before_ns));
    }
    // (A periodic one's call may have begun before.)
    if (timer.is_cancelled && (!timer.is_periodic || ++timer.oks_after_cancel > 1)) {
        violated(timer, "it was cancelled, and still fires");
    }
    if (event.periods == 0 || (!timer.is_periodic && event.periods != 1)) {
        violated(timer, "a call for " + std::to_string(event.periods) + " periods");
    }
    if (timer.period_ns != 0) {
        if (timer.next_due_ns != 0 && event.due_ns != timer.next_due_ns) {
            violated(timer, "a call for " + std::to_string(event.due_ns) +
                                ", and the next one was " + std::to_string(timer.next_due_ns));
        }
        if (event.due_ns + (event.periods - 1) * timer.period_ns > now) {
            violated(timer, "a call for a period that has not passed");
        }
        timer.next_due_ns = event.due_ns + event.periods * timer.period_ns;
    }
    ++timer.oks;
}

// ---- the ends

void WorldTimers::closed(const Line& line) {
    for (const std::unique_ptr<Timer>& timer : all_) {
        if (timer->line == &line && timer->is_accepted && !timer->is_over) {
            violated(*timer, "on_close comes before its last call");
        }
    }
}

void WorldTimers::destroyed(const Service& service) {
    for (const std::unique_ptr<Timer>& timer : all_) {
        if (timer->service == &service && timer->is_accepted && !timer->is_over) {
            violated(*timer, "destroy comes before its last call");
        }
    }
}

void WorldTimers::check_overdue() {
    for (const std::unique_ptr<Timer>& timer : all_) {
        if (timer->is_accepted && !timer->is_over &&
            scheduler_.now() > timer->due_ns + overdue_ns) {
            violated(*timer, "it is overdue in a quiet world");
        }
    }
}

void WorldTimers::finish() {
    for (const std::unique_ptr<Timer>& timer : all_) {
        if (timer->is_accepted && !timer->is_over) {
            violated(*timer, "it never had its last call");
        }
    }
}

}  // namespace portico::sim
