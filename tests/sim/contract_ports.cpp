// The contract suite's backend here: the simulated port, with the free driver and the tests' own
// threads, in one network for the whole process.
#include "contract/ports.hpp"
#include "sim/contract_network.hpp"
#include "sim/sim_port.hpp"

namespace portico::test {

namespace {

sim::FaultMix& faults() {
    static sim::FaultMix mix = [] {
        sim::FaultMix none = sim::FaultMix::none();
        none.latency_ns_max = 1'000;
        none.at_once = 32'768;
        none.late_send = 49'152;
        return none;
    }();
    return mix;
}

sim::Scheduler& scheduler() {
    // never destroyed: threads may end late
    static auto& made = *new sim::Scheduler(sim::Random(1), [] {
        sim::SchedulerOptions options;
        options.free = true;
        return options;
    }());
    return made;
}

// Two kinds of listener: Windows' kind, with several accepts at once, and Linux's.
const std::vector<PortCase>& cases() {
    static const std::vector<PortCase> all = [] {
        std::vector<PortCase> made;
        for (const bool is_windows_kind : {false, true}) {
            for (const bool is_shared : {false, true}) {
                PortFactory factory;
                factory.name = is_windows_kind ? "simulated with several accepts" : "simulated";
                factory.make = [is_windows_kind](io::BufferPool& buffers,
                                                 const io::PortOptions& options)
                    -> base::Result<std::unique_ptr<io::CompletionPort>> {
                    sim::SimPortOptions its;
                    its.shared = options.shared;
                    its.accepts_max = is_windows_kind ? 8 : 1;
                    return std::unique_ptr<io::CompletionPort>(new sim::SimPort(
                        scheduler(), contract_network(), buffers, sim::Random(2), faults(), its));
                };
                made.push_back(
                    {factory, is_shared, factory.name + (is_shared ? ", shared" : ", single")});
            }
        }
        return made;
    }();
    return all;
}

}  // namespace

sim::Network& contract_network() {
    static auto& made = *new sim::Network(scheduler(), sim::Random(3), faults());
    return made;
}

int port_case_count() {
    return static_cast<int>(cases().size());
}

const PortCase& port_case(int index) {
    return cases().at(static_cast<std::size_t>(index));
}

int single_port_count() {
    return port_case_count() / 2;
}

int shared_port_count() {
    return port_case_count() / 2;
}

const PortCase& single_port(int index) {
    return port_case(index * 2);
}

const PortCase& shared_port(int index) {
    return port_case(index * 2 + 1);
}

}  // namespace portico::test
