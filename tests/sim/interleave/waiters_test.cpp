// The wake protocol of a shared port, the production code itself, in every order: no thread goes on
// to wait while there is work that another thread has added. The steps around it are those of
// PortBase::wait() and of its callers; the event that interrupts a poll is a queue under a mutex,
// as in the kernel.
#include "io/waiters.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;

struct Interrupt {};

class Port {
public:
    // Parts that are not used cost no steps.
    Port(Machine& machine, bool has_run_queue, bool has_ready_list)
        : machine_(machine), has_run_queue_(has_run_queue), has_ready_list_(has_ready_list) {
        machine.name("waiters");
        waiters_.emplace();
        machine.name("size of the ready list");
        ready_size_.emplace();
        machine.name("lock");
        lock_.emplace(0U);
        machine.name("ready list");
        ready_.emplace(0);
        machine.name("run queue");
        run_queue_.emplace(0);
        machine.name("event");
        event_.emplace();
        machine.label(&interrupt_, "interrupt");
    }

    // Work in a queue of the caller, which has its own lock and which the port does not look at.
    void add_to_run_queue() {
        run_queue_->fetch_add(1, std::memory_order_acq_rel);
        wake();
    }
    // An operation that completes in another thread's submit or wait, and stays on the ready list.
    void add_ready() {
        locked([&] {
            ready_->change() += 1;
            ready_size_->set(static_cast<std::size_t>(ready_->read()), true);
        });
        if (ready_size_->get() != 0) {
            wake();
        }
    }

    // A worker: takes work and waits, until nothing comes any more.
    void work() {
        for (;;) {
            if (has_run_queue_) {
                run_queue_->exchange(0, std::memory_order_acq_rel);
            }
            const bool was_woken = waiters_->begin();
            const bool has_ready = has_ready_list_ && ready_size_->has_any_for_waiter();
            const bool is_over = !was_woken && !has_ready && event_->take() == nullptr;
            waiters_->end();
            if (is_over) {
                return;
            }
            take_ready();
        }
    }

    void check_end() {
        machine_.check(run_queue_->load() == 0, "work is left in the run queue");
        machine_.check(ready_->read() == 0, "an operation is left on the ready list");
        machine_.check(!waiters_->any(), "a thread is counted that does not wait");
    }

private:
    void wake() {
        if (waiters_->wake()) {
            event_->put(interrupt_);
        }
    }
    void take_ready() {
        if (has_ready_list_ && ready_size_->get() != 0) {
            locked([&] {
                ready_->write(0);
                ready_size_->set(0, true);
            });
        }
    }
    template <class Action>
    void locked(Action&& action) {
        while (lock_->exchange(1U, std::memory_order_acquire) != 0) {
            machine_.await();
        }
        action();
        lock_->store(0U, std::memory_order_release);
    }

    Machine& machine_;
    const bool has_run_queue_;
    const bool has_ready_list_;
    std::optional<io::BasicWaiters<Atomic>> waiters_;
    std::optional<io::BasicListSize<Atomic>> ready_size_;
    std::optional<Atomic<unsigned>> lock_;
    std::optional<Plain<int>> ready_;
    std::optional<Atomic<int>> run_queue_;
    std::optional<Handover<Interrupt>> event_;
    Interrupt interrupt_;
};

// Workers, and threads that add work: `callers` to the run queue, `submitters` to the ready list.
Machine::World port(unsigned workers, unsigned callers, unsigned submitters) {
    return [=](Machine& machine) {
        auto port = std::make_shared<Port>(machine, callers != 0, submitters != 0);
        for (unsigned i = 0; i < callers; ++i) {
            machine.thread("caller " + std::to_string(i), [port] { port->add_to_run_queue(); });
        }
        for (unsigned i = 0; i < submitters; ++i) {
            machine.thread("submitter " + std::to_string(i), [port] { port->add_ready(); });
        }
        for (unsigned i = 0; i < workers; ++i) {
            machine.thread("worker " + std::to_string(i), [port] { port->work(); });
        }
        machine.finally([port] { port->check_end(); });
    };
}

}  // namespace

TEST_CASE("no thread waits while another has added work: all orders", "[waiters]") {
    expect_all(port(1, 1, 0), 48);
    expect_all(port(1, 0, 1), 863);
    expect_all(port(1, 2, 0), 115'152, bounded(0, 0));
    expect_all(port(2, 1, 0), 55'856, bounded(0, 0));
}

TEST_CASE("a port under five threads, drawn", "[waiters]") {
    expect_sampled(port(2, 2, 1), 10'000);
    expect_sampled(port(3, 1, 1), 10'000);
}

TEST_CASE("defects of the wake protocol are found", "[waiters][defects]") {
    expect_found(port(1, 1, 0), {"begin", Change::relaxed}, "work is left in the run queue");
    expect_found(port(1, 1, 0), {"begin", Change::left_out}, "no end");
    expect_found(port(1, 1, 0), {"wake", Change::relaxed}, "work is left in the run queue");
    expect_found(port(1, 1, 0), {"wake", Change::left_out}, "work is left in the run queue");
    expect_found(port(1, 0, 1), {"set", Change::left_out}, "an operation is left");
    expect_found(port(1, 0, 1), {"end", Change::left_out}, "a thread is counted");
}
