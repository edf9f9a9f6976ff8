// The kernel of the simulation: threads, time and events. Two drivers:
//
//  - seeded: real std::threads, of which exactly one runs at any time: the one that has the baton.
//    At every *switch point* (each call of a SimPort, a Socket or the network, each lock of a
//    mutex, an explicit switch_point()) the seeded PRNG may pass the baton to another thread that
//    can run. Time is virtual: a step costs some nanoseconds, and if no thread can run, time jumps
//    to the next event or deadline. A seed is one run, to the last step.
//  - free: any threads, a lock, and real time. For the contract suite, whose tests have threads of
//    their own that nobody registers.
//
// A test drives a seeded run like this. The thread that makes the Scheduler is its *controller* and
// has the baton:
//
//     // This thread is the controller, thread 0.
//     sim::Scheduler scheduler(random.fork("scheduler"), options);
//     sim::Network network(scheduler, random.fork("network"), faults);
//     ... make pools, SimPorts, WorkerGroups, Instances, exactly as host/server does ...
//     group.start(), group.begin();            // its std::threads join the simulation
//     scheduler.at(t, [&] { peer.reset(); });  // an action of the simulated outside (see at())
//     // The others run until the condition is true.
//     scheduler.run_until([&] { return all_done; }, deadline);
//     scheduler.sleep_for(5 * ms);             // likewise, by time
//     group.stop();                            // blocking production calls need nothing special
//
// A run may also have no thread but its controller, as a verification has: then it is not
// linked in a special way, and the controller works through the completions itself
// (net::WorkerGroup::run_round).
//
// Blocking production code runs unmodified. The sim programs of the tests are linked with --wrap
// (their library portico_sim brings the options) for what blocks: std::mutex,
// std::condition_variable, and the start and the join of std::thread; and steady_clock::now(). On a
// thread of a seeded run these block in the scheduler (the baton goes on, and locking is a switch
// point) and return virtual
// time; on any other thread they are the real ones. So WorkerGroup::stop(),
// plugin::Instance::finish() and the Acceptor's lock around submits are simulated faithfully and
// deterministically. If a lock order or a lost wake-up ends in a deadlock (no thread can run and no
// event is to come), the report says what each thread waits for.
//
// If a thread of a run starts another one, that belongs to the run too. It gets its number in the
// order of the starts, and must end (be joined) before the Scheduler is destroyed. Timed waits
// (wait_for, wait_until, sleep_for) of the standard library are not simulated and must not be used
// by such threads.
//
// Failures. fail() prints the trace and its message and ends the process by abort(). A failed
// PORTICO_ASSERT and a sanitizer's report print the trace too (print_trace_on_death()).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "sim/random.hpp"
#include "sim/trace.hpp"

namespace portico::sim {

struct SchedulerOptions {
    bool free = false;  // the free driver; the other options then have no meaning
    // in 65,536: how often a switch point gives the baton to another thread that can run
    std::uint32_t switch_chance = 16'384;
    std::uint32_t step_ns_max = 400;             // a step costs 1 to this many virtual nanoseconds
    std::uint64_t start_ns = 1'000'000'000'000;  // the first now()
    // more switch points than this count as a run without an end: fail()
    std::uint64_t steps_max = 5'000'000;
    std::size_t trace_events = 4'096;
};

class Scheduler {
public:
    // The calling thread becomes the controller of a seeded run.
    Scheduler(Random random, const SchedulerOptions& options);
    // Every other thread of the run must have ended. Future events are dropped.
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // The scheduler of the run that the calling thread belongs to; null outside of a seeded run.
    [[nodiscard]] static Scheduler* current() noexcept;

    // Binds the calling thread, and those that it will start, to one of the processors that the
    // process may use (number modulo their count), so that passing the baton wakes no other
    // processor. If several simulations run at once, give each its own number. (In tests/sim, as is
    // print_trace_on_death.)
    static void bind_to_processor(unsigned number) noexcept;

    // ---- for the world

    [[nodiscard]] std::uint64_t now() const noexcept;

    // Another thread may run here. The world calls it from plugin callbacks and between host calls.
    // Does nothing inside an event, on a thread that does not belong to the run, and with the free
    // driver.
    void switch_point() noexcept;

    // Calls `action` when the time has come, on the thread that has the baton then, in the middle
    // of its work. So an action may use the simulated outside (SimPeer, Network, FaultMix, wake of
    // a port, at()), but neither production code nor anything that blocks. The controller, or a
    // thread of the world's own (std::thread), calls production code. Actions of one instant run in
    // the order of their at().
    void at(std::uint64_t time_ns, std::function<void()> action);
    void after(std::uint64_t delay_ns, std::function<void()> action) {
        at(now() + delay_ns, std::move(action));
    }

    // Lets the others run until the condition is true (returns true) or the deadline has come
    // (false). The condition is evaluated each time a thread is chosen, so it must be cheap, have
    // no effect, and call nothing that is a switch point.
    template <class Condition>
    bool run_until(Condition condition, std::uint64_t deadline_ns) {
        return block(
            "a condition of the world",
            [](void* context) noexcept {
                return static_cast<bool>((*static_cast<Condition*>(context))());
            },
            &condition, deadline_ns);
    }
    void sleep_until(std::uint64_t time_ns) {
        static_cast<void>(run_until([] { return false; }, time_ns));
    }
    void sleep_for(std::uint64_t duration_ns) { sleep_until(now() + duration_ns); }

    // Called at each switch point, under the same rules as an action of at(): checks the world's
    // invariants at every step.
    void set_step_check(std::function<void()> check);

    // Virtual time passes, as if this thread worked that long.
    void spend(std::uint64_t duration_ns) noexcept;

    // Time jumps ahead (a suspended machine). Everything that is due by then happens after the
    // jump, late.
    void jump_clock(std::uint64_t by_ns) noexcept;

    // Names this thread in the trace ("worker 1", "controller"); a literal and a number.
    void name_thread(const char* name, std::uint32_t number) noexcept;

    template <class... Numbers>
    void trace(const char* text, Numbers... numbers) noexcept {
        static_assert(sizeof...(numbers) <= 4);
        add_to_trace(text, {static_cast<std::uint64_t>(numbers)...});
    }
    [[nodiscard]] const Trace& history() const noexcept { return trace_; }

    // Prints `what`, the banner, the state of each thread and the trace, and ends the process.
    [[noreturn]] void fail(const std::string& what) noexcept;
    // The text that is printed above a failure: "seed 17, commit abc123, reproduce with: ...".
    void set_banner(std::string banner) { banner_ = std::move(banner); }
    // Prints the trace at ends without fail(): SIGABRT (PORTICO_ASSERT), SIGALRM (a run that stands
    // still), a wrong address, and a sanitizer's report. Call it once in a process.
    static void print_trace_on_death();
    // Prints the trace of the newest seeded run, once, if it still goes on.
    [[nodiscard]] static bool has_last_words() noexcept;
    static void say_last_words();

    // Switch points passed, baton passes, events run.
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    [[nodiscard]] std::uint64_t switches() const noexcept { return switches_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_run_; }

    // ---- for the simulated devices (Network, SimPort)

    // They work inside a section: with the baton (seeded), or under the lock (free). Its beginning
    // is the switch point, except inside an event, where sections nest in the section that runs it.
    // No other thread runs inside a section.
    class Section {
    public:
        explicit Section(Scheduler& scheduler) noexcept : scheduler_(scheduler) {
            scheduler.enter();
        }
        ~Section() { scheduler_.leave(); }
        Section(const Section&) = delete;
        Section& operator=(const Section&) = delete;

    private:
        Scheduler& scheduler_;
    };

    // Inside a section of this thread: leaves it until `ready` returns true or the deadline passes
    // (true: ready). `what` is a literal for the report of a deadlock. The predicate is called
    // inside sections of other threads.
    using Ready = bool (*)(void* context) noexcept;
    bool block(const char* what, Ready ready, void* context, std::uint64_t deadline_ns) noexcept;

    // Inside a section: the state that some `ready` reads may have changed (for the free driver;
    // the seeded one looks by itself).
    void changed() noexcept;

    [[nodiscard]] bool is_free() const noexcept;
    [[nodiscard]] bool in_event() const noexcept;

    // When the next event is due; UINT64_MAX if none is to come.
    [[nodiscard]] std::uint64_t next_event_ns() const noexcept;

    // For a run without threads of its own: as long as this lives, the calling thread, which does
    // not belong to the run, counts as the controller. The caller sees to it that the controller
    // itself stands still outside of sections.
    class Visit {
    public:
        explicit Visit(Scheduler& scheduler) noexcept;
        ~Visit();
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
    };

    struct Thread;
    struct State;

    // For the wraps (scheduler_wraps.cpp); on a thread of a seeded run.
    //
    // The life of a thread: its starter announces it, it begins and ends by itself, and the thread
    // that joins it waits for its end.
    [[nodiscard]] Thread& announce_thread();
    void begin_thread(Thread& thread) noexcept;
    void end_thread(Thread& thread) noexcept;
    void started_as(Thread& thread, std::thread::id id) noexcept;
    void await_end(std::thread::id id) noexcept;
    // Blocks until somebody calls wake_waiters() for the same address.
    void wait_at(const void* address, const char* what) noexcept;
    // Wakes those that wait at an address: all, or one of them.
    void wake_waiters(const void* address, bool all) noexcept;

private:
    void enter() noexcept;
    void leave() noexcept;
    void step() noexcept;
    void run_due_events() noexcept;
    void switch_to_another(Thread& self) noexcept;
    void print_state(std::FILE* to) const noexcept;
    void add_to_trace(const char* text, const std::array<std::uint64_t, 4>& numbers) noexcept;

    Trace trace_;
    std::string banner_;
    std::uint64_t steps_ = 0;
    std::uint64_t switches_ = 0;
    std::uint64_t events_run_ = 0;
    std::unique_ptr<State> state_;
};

}  // namespace portico::sim
