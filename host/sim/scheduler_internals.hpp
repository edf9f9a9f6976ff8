// The inside of the scheduler, for its own files: scheduler.cpp has time, events and sections,
// scheduler_waits.cpp the threads, and how one waits while another one runs.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "sim/baton.hpp"
#include "sim/scheduler.hpp"

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

// What happens at a time.
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

// The run that the thread belongs to, and its Thread there.
inline constinit thread_local Scheduler* scheduler_of_thread = nullptr;
inline constinit thread_local void* record_of_thread = nullptr;

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

}  // namespace portico::sim
