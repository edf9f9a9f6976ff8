// The checks with which each test judges a world.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/interleave/explore.hpp"
#include "sim/interleave/seeds.hpp"
#include "support/catch.hpp"

namespace portico::interleave {

// A sanitizer makes a run some ten times as slow and sees the same in each: it gets the first runs,
// and the release build covers all of them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t sanitized_runs_max = 2'000;
#else
inline constexpr std::uint64_t sanitized_runs_max = 0;
#endif

// Fewer late loads and random failures than usual, for worlds with many orders.
inline Limits bounded(unsigned late_loads, unsigned random_failures) {
    Limits limits;
    limits.late_loads_max = late_loads;
    limits.random_failures_max = random_failures;
    return limits;
}

// Runs all orders, which must be `runs` in number, without a failure. The number is there so that
// no case becomes empty unnoticed: a change of the production code changes it, and somebody looks.
inline void expect_all(const Machine::World& world, std::uint64_t runs, Limits limits = {}) {
    const bool is_cut_short = sanitized_runs_max != 0 && runs > sanitized_runs_max;
    limits.runs_max = is_cut_short ? sanitized_runs_max : limits.runs_max;
    const Explored explored = explore(world, limits);
    INFO(explored.failure);
    CHECK(explored.failure.empty());
    if (!is_cut_short) {
        CHECK(explored.complete);
        CHECK(explored.runs == runs);
    }
}

// Runs drawn from seeds, without a failure.
inline void expect_sampled(const Machine::World& world, std::uint64_t usual_seeds) {
    Limits limits;
    limits.late_loads_max = 6;
    limits.random_failures_max = 4;
    const Explored sampled = sample(
        world, seeds().first,
        seeds().count_or(sanitized_runs_max != 0 ? sanitized_runs_max : usual_seeds), limits);
    INFO(sampled.failure);
    CHECK(sampled.failure.empty());
}

// The defect must be found, and be described correctly.
inline void expect_found(const Machine::World& world, const Plant& plant,
                         std::string_view failure) {
    Limits limits;
    limits.plant = plant;
    const Explored explored = explore(world, limits);
    INFO("planted in " << plant.function << ": " << static_cast<int>(plant.change));
    CHECK_FALSE(explored.failure.empty());
    INFO(explored.failure);
    CHECK(explored.failure.find(failure) != std::string::npos);
}

}  // namespace portico::interleave
