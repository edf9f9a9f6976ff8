// Runs a world again and again, in each order that its steps can have, or in some random orders.
//
// explore() goes through all: depth first over every decision (which thread takes the next step,
// which value a load reads, whether a weak compare-exchange fails at random), each run from the
// start. If orders differ only in steps that do not touch each other, they are the same to the
// world, and one of them is enough: sleep sets (Godefroid) leave the others out. A run that turns
// out to lead only to such orders is counted as cut short.
//
// Limits keeps it finite: how often in one run a load is late, or a compare-exchange fails at
// random.
#pragma once

#include "sim/interleave/machine.hpp"

namespace portico::interleave {

struct Limits {
    unsigned late_loads_max = 2;       // in one run, all threads together
    unsigned random_failures_max = 1;  // of weak compare-exchanges; the same
    std::uint32_t steps_max = 2'000;   // in one run; above it the run counts as endless
    std::uint64_t runs_max = 3'000'000;
    bool reduced = true;  // false: truly all orders
    Plant plant;
};

struct Explored {
    std::uint64_t runs = 0;   // to their end
    std::uint64_t cut = 0;    // stopped because other runs cover all that follows
    std::uint64_t steps = 0;  // in all of them
    bool complete = false;    // nothing is left to be explored
    // why and how the first failed run failed, step by step; empty if none failed
    std::string failure;
};

[[nodiscard]] Explored explore(const Machine::World& world, const Limits& limits = {});

// `seeds` runs, each drawn from its seed, `first` and up. A failure names its seed.
[[nodiscard]] Explored sample(const Machine::World& world, std::uint64_t first, std::uint64_t seeds,
                              const Limits& limits = {});

}  // namespace portico::interleave
