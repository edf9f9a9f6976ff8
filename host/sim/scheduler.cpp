#include "sim/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "sim/scheduler_internals.hpp"

namespace portico::sim {

namespace {

// The newest seeded run, for the last message of a process.
std::atomic<Scheduler*> last_words_of{nullptr};

}  // namespace

Scheduler::Scheduler(Random random, const SchedulerOptions& options)
    : trace_(options.trace_events), state_(std::make_unique<State>(random, options)) {
    if (options.free) {
        return;
    }
    if (scheduler_of_thread != nullptr) {
        fail("a thread that belongs to a run makes another one");
    }
    State& state = *state_;
    state.now_ns = options.start_ns;
    state.is_biased = state.random.one_in(2);
    state.events.reserve(256);
    Thread& controller = announce_thread();
    controller.name = "controller";
    controller.id = std::this_thread::get_id();
    scheduler_of_thread = this;
    record_of_thread = &controller;
    last_words_of = this;
}

Scheduler::~Scheduler() {
    if (is_free()) {
        return;
    }
    for (const std::unique_ptr<Thread>& thread : state_->threads) {
        if (thread->number != 0 && thread->state != Thread::State::ended) {
            fail("the run is over, and " + std::string(thread->name) + " " +
                 std::to_string(thread->name_number) + " has not ended");
        }
    }
    scheduler_of_thread = nullptr;
    record_of_thread = nullptr;
    last_words_of = nullptr;
}

Scheduler* Scheduler::current() noexcept {
    return scheduler_of_thread;
}

bool Scheduler::is_free() const noexcept {
    return state_->options.free;
}

bool Scheduler::in_event() const noexcept {
    return state_->is_in_event;
}

std::uint64_t Scheduler::next_event_ns() const noexcept {
    return state_->events.empty() ? UINT64_MAX : state_->events.front().time_ns;
}

Scheduler::Visit::Visit(Scheduler& scheduler) noexcept {
    scheduler_of_thread = &scheduler;
    record_of_thread = scheduler.state_->threads.front().get();
}

Scheduler::Visit::~Visit() {
    scheduler_of_thread = nullptr;
    record_of_thread = nullptr;
}

std::uint64_t Scheduler::now() const noexcept {
    return is_free() ? base::now_ns() : state_->now_ns;
}

void Scheduler::jump_clock(std::uint64_t by_ns) noexcept {
    trace("the clock jumps ahead by {} ns", by_ns);
    state_->now_ns += by_ns;
}

void Scheduler::spend(std::uint64_t duration_ns) noexcept {
    state_->now_ns += duration_ns;
}

void Scheduler::name_thread(const char* name, std::uint32_t number) noexcept {
    if (scheduler_of_thread == this) {
        auto& self = *static_cast<Thread*>(record_of_thread);
        self.name = name;
        self.name_number = number;
    }
}

void Scheduler::set_step_check(std::function<void()> check) {
    state_->check = std::move(check);
}

void Scheduler::add_to_trace(const char* text,
                             const std::array<std::uint64_t, 4>& numbers) noexcept {
    const auto* self = static_cast<const Thread*>(record_of_thread);
    trace_.add(now(), scheduler_of_thread == this ? self->number : Trace::no_thread, text, numbers);
}

// ---- events

void Scheduler::at(std::uint64_t time_ns, std::function<void()> action) {
    State& state = *state_;
    std::unique_lock<std::recursive_mutex> lock(state.mutex, std::defer_lock);
    if (is_free()) {
        lock.lock();
    }
    state.events.push_back({time_ns, state.sequence++, std::move(action)});
    std::push_heap(state.events.begin(), state.events.end(), Later{});
    if (is_free()) {
        state.condition.notify_all();  // threads that wait do so until a later event
    }
}

void Scheduler::run_due_events() noexcept {
    State& state = *state_;
    if (state.is_in_event) {
        return;
    }
    while (!state.events.empty() && state.events.front().time_ns <= now()) {
        std::pop_heap(state.events.begin(), state.events.end(), Later{});
        const std::function<void()> action = std::move(state.events.back().action);
        state.events.pop_back();
        ++events_run_;
        const EventScope scope(state.is_in_event);
        action();
    }
}

// ---- sections

void Scheduler::enter() noexcept {
    State& state = *state_;
    if (is_free()) {
        state.mutex.lock();
        if (state.depth++ == 0) {
            run_due_events();
        }
        return;
    }
    if (scheduler_of_thread != this) {
        fail("a thread that does not belong to the run uses its devices");
    }
    if (state.is_in_event) {
        return;
    }
    if (state.depth == 0) {
        step();
    }
    ++state.depth;
}

void Scheduler::leave() noexcept {
    State& state = *state_;
    if (is_free()) {
        if (state.depth == 1) {
            run_due_events();
        }
        --state.depth;
        state.mutex.unlock();
        return;
    }
    if (!state.is_in_event) {
        --state.depth;
    }
}

void Scheduler::changed() noexcept {
    if (is_free()) {
        state_->condition.notify_all();
    }
}

void Scheduler::switch_point() noexcept {
    if (scheduler_of_thread == this && !state_->is_in_event && state_->depth == 0) {
        step();
    }
}

void Scheduler::step() noexcept {
    State& state = *state_;
    if (++steps_ > state.options.steps_max) {
        fail("no end after " + std::to_string(state.options.steps_max) + " steps");
    }
    state.now_ns += 1 + state.random.below(state.options.step_ns_max);
    run_due_events();
    if (state.check) {
        const EventScope scope(state.is_in_event);
        state.check();
    }
    if (state.random.chance(state.options.switch_chance)) {
        switch_to_another(*static_cast<Thread*>(record_of_thread));
    }
}

// ---- failures

void Scheduler::print_state(std::FILE* to) const noexcept {
    if (!banner_.empty()) {
        std::fprintf(to, "%s\n", banner_.c_str());
    }
    std::fprintf(
        to, "steps %llu, hand-overs %llu, events %llu\n", static_cast<unsigned long long>(steps_),
        static_cast<unsigned long long>(switches_), static_cast<unsigned long long>(events_run_));
    trace_.print(to, [this](std::uint32_t number) -> std::pair<const char*, std::uint32_t> {
        if (number >= state_->threads.size()) {
            return {"", 0};
        }
        return {state_->threads[number]->name, state_->threads[number]->name_number};
    });
    for (const std::unique_ptr<Thread>& thread : state_->threads) {
        const bool is_blocked = thread->state == Thread::State::blocked;
        std::fprintf(to, "%s %u %s%s\n", thread->name, thread->name_number,
                     is_blocked                              ? "waits for "
                     : thread->state == Thread::State::ended ? "has ended"
                                                             : "can run",
                     is_blocked ? thread->what : "");
    }
    std::fflush(to);
}

void Scheduler::fail(const std::string& what) noexcept {
    if (!state_->is_failing) {
        state_->is_failing = true;
        last_words_of = nullptr;
        std::fflush(stdout);
        print_state(stderr);
        std::fprintf(stderr, "the simulation failed: %s\n", what.c_str());
        std::fflush(stderr);
    }
    std::abort();
}

bool Scheduler::has_last_words() noexcept {
    return last_words_of != nullptr;
}

void Scheduler::say_last_words() {
    if (const Scheduler* scheduler = last_words_of.exchange(nullptr)) {
        scheduler->print_state(stderr);
    }
}

}  // namespace portico::sim
