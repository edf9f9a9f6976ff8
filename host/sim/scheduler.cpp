#include "sim/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "sim/baton.hpp"

namespace portico::sim {

struct Scheduler::Thread {
    enum class State : std::uint8_t { runnable, blocked, ended };

    std::uint32_t number = 0;
    State state = State::runnable;
    const char* name = "thread";
    std::uint32_t name_number = 0;
    std::uint32_t weight = 1;  // its chance to be chosen among the others
    std::thread::id id;

    // While it is blocked:
    const char* what = "";
    Ready ready = nullptr;
    void* context = nullptr;
    std::uint64_t deadline_ns = 0;
    const void* address = nullptr;  // wait_at
    bool is_woken = false;

    Baton baton;
};

namespace {

struct Event {
    std::uint64_t time_ns;
    std::uint64_t sequence;
    std::function<void()> action;
};

struct Later {
    bool operator()(const Event& left, const Event& right) const noexcept {
        return left.time_ns != right.time_ns ? left.time_ns > right.time_ns
                                             : left.sequence > right.sequence;
    }
};

thread_local Scheduler* scheduler_of_thread = nullptr;
thread_local void* record_of_thread = nullptr;

// The newest seeded run, for the last message of a process.
std::atomic<Scheduler*> last_words_of{nullptr};

}  // namespace

struct Scheduler::State {
    explicit State(Random its_random, const SchedulerOptions& its_options)
        : random(its_random), options(its_options) {}

    Random random;
    const SchedulerOptions options;
    std::vector<std::unique_ptr<Thread>> threads;
    std::vector<Thread*> candidates;
    std::vector<Event> events;  // a heap, the earliest first
    std::uint64_t sequence = 0;
    std::uint64_t now_ns = 0;
    std::uint32_t depth = 0;  // depth of sections of the thread that has the baton
    bool is_in_event = false;
    bool is_biased = false;
    bool is_failing = false;
    std::function<void()> check;

    // The free driver.
    std::recursive_mutex mutex;
    std::condition_variable_any condition;
};

namespace {

// Restores what it has changed: events nest in a step check, and predicates nest in both.
class EventScope {
public:
    explicit EventScope(bool& flag) noexcept : flag_(flag), before_(flag) { flag_ = true; }
    ~EventScope() { flag_ = before_; }
    EventScope(const EventScope&) = delete;
    EventScope& operator=(const EventScope&) = delete;

private:
    bool& flag_;
    const bool before_;
};

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
