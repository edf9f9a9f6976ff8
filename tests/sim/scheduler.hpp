// The kernel of the simulation: threads, time and events. Two drivers:
//
//  - seeded: real std::threads, of which exactly one runs at any time: the one that has the baton.
//  At every *switch point* (each call of a
//    SimPort, a Socket or the network, each lock of a mutex, an explicit switch_point()) the seeded PRNG may hand the baton to another
//    thread that can run. Time is virtual: a step costs some nanoseconds, and when no thread can run it jumps to the next event or
//    deadline. One seed is one run, to the last step.
//  - free: any threads, a lock, and real time. For the contract suite, whose tests have threads of
//    their own that nobody registers.
//
// How a test drives a seeded run. The thread that makes the Scheduler is its *controller* and has
// the baton:
//
//     sim::Scheduler scheduler(random.fork("scheduler"), options);       // this thread is the controller, thread 0
//     sim::Network network(scheduler, random.fork("network"), faults);
//     ... make pools, SimPorts, WorkerGroups, Instances, exactly as server.cpp does ...
//     group.start(), group.begin();                                      // its std::threads join the simulation by themselves
//     scheduler.at(t, [&] { peer.reset(); });                            // an action of the simulated outside (see at())
//     scheduler.run_until([&] { return all_done; }, deadline);           // the others run; comes back when the condition is true
//     scheduler.sleep_for(5 * ms);                                       // likewise, by time
//     group.stop();                                                      // blocking production calls need nothing special
//
// Blocking production code runs unmodified. The sim programs are linked with --wrap (the library
// portico_sim brings the options) for what blocks: std::mutex, std::condition_variable, and the
// start and the join of std::thread; and steady_clock::now(). On a thread of a seeded run these
// block in the scheduler (the baton goes on, and locking is a switch point) and tell virtual time;
// on any other thread they are the real ones. So WorkerGroup::stop(), plugin::Instance::finish()
// and the Acceptor's lock held around submits are simulated faithfully and deterministically, and a
// lock order or a lost wake-up that ends in a deadlock is reported, with what each thread waits
// for: when no thread can run and no event is to come.
//
// A thread that is started while the scheduler lives by one of its threads belongs to the run, gets
// its number in the order of the starts, and must end (be joined) before the Scheduler is
// destroyed. Timed waits (wait_for, wait_until, sleep_for) of the standard library are not
// simulated and must not be used by such threads.
//
// Failures. fail() prints the trace with what was said and ends the process by abort(); a failed
// PORTICO_ASSERT and a sanitizer's report print it too (print_trace_on_death()).
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
    bool free = false;  // the free driver; the rest is of no meaning then
    // of 65,536: how often a switch point gives the baton to another thread that can run
    std::uint32_t switch_chance = 16'384;
    std::uint32_t step_ns_max = 400;             // a step costs 1 to this many virtual nanoseconds
    std::uint64_t start_ns = 1'000'000'000'000;  // the first now()
    // more switch points than this are a run without an end: fail()
    std::uint64_t steps_max = 5'000'000;
    std::size_t trace_events = 4'096;
};

class Scheduler {
public:
    // The calling thread becomes the controller of a seeded run.
    Scheduler(Random random, const SchedulerOptions& options);
    // Every other thread of the run must have ended. Events that are still to come are dropped.
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // The scheduler of the run that the calling thread belongs to; null outside of a seeded run.
    [[nodiscard]] static Scheduler* current() noexcept;

    // Binds the calling thread, and those that it will start, to one of the processors that the
    // process may use (number modulo how many there are): a hand-over of the baton then needs no
    // wake-up of another processor. Several simulations at once take one each.
    static void bind_to_processor(unsigned number) noexcept;

    // ---- for the world

    [[nodiscard]] std::uint64_t now() const noexcept;

    // Another thread may run here. The world calls it from plugin callbacks and between host calls.
    // Does nothing inside an event, on a thread that does not belong to the run, and with the free
    // driver.
    void switch_point() noexcept;

    // Calls `action` when the time has come, on whatever thread has the baton then, in the middle
    // of what it does: so an action may use the simulated outside (SimPeer, Network, FaultMix, wake
    // of a port, at()), but neither production code nor anything that blocks. What is to call
    // production code is done by the controller or a thread of the world's own (std::thread).
    // Actions of one instant run in the order of their at().
    void at(std::uint64_t time_ns, std::function<void()> action);
    void after(std::uint64_t delay_ns, std::function<void()> action) {
        at(now() + delay_ns, std::move(action));
    }

    // Lets the others run until the condition is true (comes back true) or the deadline has come
    // (false). The condition is looked at each time a thread is to be chosen, so it must be cheap,
    // have no effect, and call nothing that is a switch point.
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

    // Called at each switch point, under the same rules as an action of at(): the world's
    // invariants of every step.
    void set_step_check(std::function<void()> check);

    // What this thread does takes so long.
    void spend(std::uint64_t duration_ns) noexcept;

    // Time jumps ahead (a suspended machine). Everything that is due by then happens afterwards,
    // late.
    void jump_clock(std::uint64_t by_ns) noexcept;

    // Names this thread in the trace ("worker 1", "controller"); a literal and a number.
    void name_thread(const char* name, std::uint32_t number) noexcept;

    template <class... Numbers>
    void trace(const char* text, Numbers... numbers) noexcept {
        static_assert(sizeof...(numbers) <= 4);
        add_to_trace(text, {static_cast<std::uint64_t>(numbers)...});
    }
    [[nodiscard]] const Trace& history() const noexcept { return trace_; }

    // Prints what, the banner, the state of each thread and the trace, and ends the process.
    [[noreturn]] void fail(const std::string& what) noexcept;
    // What is printed above a failure: "seed 17, commit abc123, reproduce with: ...".
    void set_banner(std::string banner) { banner_ = std::move(banner); }
    // For the ends that do not come through fail(): SIGABRT (PORTICO_ASSERT), SIGALRM (a run that
    // stands still), a wrong address, and a sanitizer's report. Once in a process.
    static void print_trace_on_death();

    // Switch points passed, hand-overs of the baton, events run.
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    [[nodiscard]] std::uint64_t switches() const noexcept { return switches_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_run_; }

    // ---- for the simulated devices (Network, SimPort)

    // What they do is done inside a section: with the baton (seeded), or under the lock (free). Its
    // begin is the switch point, except inside an event, where sections nest in the section that
    // runs it. Inside a section nobody else runs.
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

    // Inside a section of this thread's: leaves it until `ready` or the deadline (true: ready).
    // `what` is a literal for the report of a deadlock. The predicate is called inside sections of
    // other threads.
    using Ready = bool (*)(void* context) noexcept;
    bool block(const char* what, Ready ready, void* context, std::uint64_t deadline_ns) noexcept;

    // Inside a section: what some `ready` looks at may have changed (for the free driver; the
    // seeded one looks by itself).
    void changed() noexcept;

    [[nodiscard]] bool is_free() const noexcept;
    [[nodiscard]] bool in_event() const noexcept;

    struct Thread;
    struct State;

    // What the wraps are made of (scheduler_wraps.cpp); on a thread of a seeded run.
    //
    // A thread that is about to be started: the starter announces it, itself it begins and ends,
    // and whoever joins waits for its end.
    [[nodiscard]] Thread& announce_thread();
    void begin_thread(Thread& thread) noexcept;
    void end_thread(Thread& thread) noexcept;
    void started_as(Thread& thread, std::thread::id id) noexcept;
    void await_end(std::thread::id id) noexcept;
    // Blocks until somebody calls wake_waiters() for the same address.
    void wait_at(const void* address, const char* what) noexcept;
    // Lets those go on that wait at an address: all, or one of them.
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
