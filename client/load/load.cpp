#include "load/load.hpp"

#include <exception>
#include <thread>
#include <vector>

#include "load/exact_waits.hpp"
#include "load/load_thread.hpp"

namespace portico::client {

namespace {

// Makes a thread's part of the run with its port and the port's pool.
base::Result<std::unique_ptr<LoadThread>> make_thread(RunState& run, std::uint32_t index) {
    const LoadPlan& plan = run.plan;
    // Each handler gives its buffer back at once. A backend may hold one for every armed receive
    // (IOCP).
    const std::uint32_t connections = index < plan.threads
                                          ? (plan.connections + plan.idle) / plan.threads + 1
                                          : static_cast<std::uint32_t>(plan.hostile.size());
    const std::uint32_t buffer_bytes = connections <= 256 ? 65'536 : 16'384;
    auto buffers = std::make_unique<io::BufferPool>(buffer_bytes, connections + 256,
                                                    io::BufferPool::Use::single);
    auto port = io::make_port(io::standard_backend, *buffers,
                              {.exact_deadlines = static_cast<bool>(plan.rate)});
    if (!port) {
        return base::Failure{port.error()};
    }
    return std::make_unique<LoadThread>(run, index, std::move(buffers), *std::move(port));
}

void run_thread(LoadThread& thread, const LoadPlan& plan) noexcept {
    if (plan.rate) {
        ask_for_exact_waits();
    }
    thread.run();
}

// Runs the first one on this thread, the others on their own. Returns what failed, or "".
std::string run_all(RunState& run) {
    std::vector<std::thread> others;
    std::string failure;
    try {
        others.reserve(run.threads.size() - 1);
        for (std::size_t i = 1; i < run.threads.size(); ++i) {
            others.emplace_back([&run, i] { run_thread(*run.threads[i], run.plan); });
        }
    } catch (const std::exception& error) {
        run.is_given_up.store(true, std::memory_order_relaxed);
        run.wake_all();
        failure = "only " + std::to_string(others.size() + 1) + " of " +
                  std::to_string(run.threads.size()) + " threads could be started: " + error.what();
    }
    run_thread(*run.threads[0], run.plan);
    for (std::thread& thread : others) {
        thread.join();
    }
    return failure;
}

}  // namespace

base::Result<Totals> run_load(const LoadPlan& plan, Observer& observer,
                              const std::atomic<bool>& interrupt) {
    PORTICO_ASSERT(!plan.addresses.empty() && plan.connections != 0 && plan.depth != 0 &&
                   plan.messages != nullptr);
    PORTICO_ASSERT(plan.threads != 0 && plan.threads <= plan.connections &&
                   (plan.count != 0 || plan.duration_ns != 0));
    RunState run(plan, observer, interrupt);
    const std::uint32_t threads = plan.threads + (plan.hostile.empty() ? 0 : 1);
    run.opening.store(threads, std::memory_order_relaxed);
    run.working.store(threads, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < threads; ++i) {
        auto thread = make_thread(run, i);
        if (!thread) {
            return base::Failure{thread.error()};
        }
        run.threads.push_back(*std::move(thread));
    }
    if (const std::string failure = run_all(run); !failure.empty()) {
        return base::Failure{failure};
    }
    run.observer.rethrow();
    Totals totals = run.threads[0]->totals();
    for (std::size_t i = 1; i < threads; ++i) {
        totals.add(run.threads[i]->totals());
    }
    return totals;
}

}  // namespace portico::client
