// The threads of a run, what they wait for, and which one runs next.
#include <algorithm>
#include <utility>

#include "sim/scheduler_internals.hpp"

namespace portico::sim {

bool Scheduler::block(const char* what, Ready ready, void* context,
                      std::uint64_t deadline_ns) noexcept {
    State& state = *state_;
    if (is_free()) {
        std::unique_lock<std::recursive_mutex> lock(state.mutex);
        // One level of the lock is the caller's section. It is released while this waits, and so is
        // its depth.
        const std::uint32_t depth = std::exchange(state.depth, 0);
        if (depth != 0) {
            state.mutex.unlock();
        }
        bool is_ready = false;
        for (;;) {
            run_due_events();
            is_ready = ready(context);
            const std::uint64_t instant = now();
            if (is_ready || instant >= deadline_ns) {
                break;
            }
            const std::uint64_t until = state.events.empty()
                                            ? deadline_ns
                                            : std::min(deadline_ns, state.events.front().time_ns);
            if (until == UINT64_MAX) {
                state.condition.wait(lock);
            } else {
                state.condition.wait_for(lock, std::chrono::nanoseconds(until - instant));
            }
        }
        if (depth != 0) {
            state.mutex.lock();
        }
        state.depth = depth;
        return is_ready;
    }
    if (scheduler_of_thread != this || state.is_in_event) {
        fail(std::string("an event, or a thread that does not belong to the run, waits for ") +
             what);
    }
    auto& self = *static_cast<Thread*>(record_of_thread);
    self.state = Thread::State::blocked;
    self.what = what;
    self.ready = ready;
    self.context = context;
    self.deadline_ns = deadline_ns;
    const std::uint32_t depth = std::exchange(state.depth, 0);
    switch_to_another(self);
    state.depth = depth;
    const EventScope scope(state.is_in_event);
    return ready(context);
}

// Chooses the next thread and passes the baton. `self` may be chosen again unless it has ended.
void Scheduler::switch_to_another(Thread& self) noexcept {
    State& state = *state_;
    std::vector<Thread*>& candidates = state.candidates;
    for (;;) {
        candidates.clear();
        std::uint32_t weights = 0;
        std::uint64_t soonest = UINT64_MAX;
        for (const std::unique_ptr<Thread>& thread : state.threads) {
            if (thread->state == Thread::State::ended) {
                continue;
            }
            if (thread->state == Thread::State::blocked) {
                const EventScope scope(state.is_in_event);
                if (thread->deadline_ns > state.now_ns && !thread->ready(thread->context)) {
                    soonest = std::min(soonest, thread->deadline_ns);
                    continue;
                }
            }
            candidates.push_back(thread.get());
            weights += thread->weight;
        }
        if (!candidates.empty()) {
            Thread* next = candidates.front();
            if (candidates.size() > 1) {
                auto drawn = static_cast<std::uint32_t>(state.random.below(weights));
                for (Thread* candidate : candidates) {
                    next = candidate;
                    if (drawn < candidate->weight) {
                        break;
                    }
                    drawn -= candidate->weight;
                }
            }
            next->state = Thread::State::runnable;
            if (next == &self) {
                return;
            }
            ++switches_;
            const bool has_ended = self.state == Thread::State::ended;
            // After this, do not touch an ended thread: the thread that joins it may end the run.
            next->baton.pass();
            if (!has_ended) {
                self.baton.take();
            }
            return;
        }
        if (!state.events.empty()) {
            soonest = std::min(soonest, state.events.front().time_ns);
        }
        if (soonest == UINT64_MAX) {
            fail("deadlock: every thread waits, and nothing is to come");
        }
        state.now_ns = std::max(state.now_ns, soonest);
        run_due_events();
    }
}

// ---- threads and what they wait at

Scheduler::Thread& Scheduler::announce_thread() {
    State& state = *state_;
    auto thread = std::make_unique<Thread>();
    thread->number = static_cast<std::uint32_t>(state.threads.size());
    thread->name_number = thread->number;
    if (state.is_biased) {
        thread->weight = 1U << state.random.below(5);
    }
    state.threads.push_back(std::move(thread));
    return *state.threads.back();
}

void Scheduler::begin_thread(Thread& thread) noexcept {
    scheduler_of_thread = this;
    record_of_thread = &thread;
    thread.baton.take();
    trace("begins");
}

void Scheduler::end_thread(Thread& thread) noexcept {
    trace("ends");
    thread.state = Thread::State::ended;
    // events may come before the next thread can run; until then this one belongs to the run
    switch_to_another(thread);
    scheduler_of_thread = nullptr;
    record_of_thread = nullptr;
}

void Scheduler::started_as(Thread& thread, std::thread::id id) noexcept {
    thread.id = id;
}

void Scheduler::await_end(std::thread::id id) noexcept {
    State& state = *state_;
    // The newest one, because the system reuses the ids of joined threads.
    const auto found = std::find_if(state.threads.rbegin(), state.threads.rend(),
                                    [&](const auto& thread) { return thread->id == id; });
    if (found == state.threads.rend()) {
        return;
    }
    step();
    Thread* awaited = found->get();
    if (awaited->state == Thread::State::ended) {
        return;
    }
    static_cast<void>(block(
        "a thread's end",
        [](void* context) noexcept {
            return static_cast<Thread*>(context)->state == Thread::State::ended;
        },
        awaited, UINT64_MAX));
}

void Scheduler::wait_at(const void* address, const char* what) noexcept {
    auto& self = *static_cast<Thread*>(record_of_thread);
    self.address = address;
    self.is_woken = false;
    static_cast<void>(block(
        what, [](void* context) noexcept { return static_cast<Thread*>(context)->is_woken; }, &self,
        UINT64_MAX));
    self.address = nullptr;
}

void Scheduler::wake_waiters(const void* address, bool all) noexcept {
    State& state = *state_;
    std::vector<Thread*> waiting;
    for (const std::unique_ptr<Thread>& thread : state.threads) {
        if (thread->address != address || thread->is_woken) {
            continue;
        }
        if (all) {
            thread->is_woken = true;
        } else {
            waiting.push_back(thread.get());
        }
    }
    if (!waiting.empty()) {
        state.random.pick(waiting)->is_woken = true;
    }
}

}  // namespace portico::sim
