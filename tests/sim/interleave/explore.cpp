#include "sim/interleave/explore.hpp"

#include <bit>

#include "sim/random.hpp"

namespace portico::interleave {

namespace {

// One decision on the way from a run's start.
struct Decision {
    bool of_thread = false;
    unsigned chosen = 0;
    unsigned count = 0;  // of values: how many there are
    // Of threads, a bit each: those that could go on, and those whose step here is covered by other
    // runs (or has been chosen before).
    unsigned enabled = 0;
    unsigned asleep = 0;
    std::array<Step, threads_max> steps;
};

class DepthFirst final : public Driver {
public:
    explicit DepthFirst(const Limits& limits) : limits_(limits) {}

    void begin() noexcept {
        depth_ = 0;
        asleep_ = 0;
        cut_ = false;
        late_loads_ = random_failures_ = 0;
    }
    [[nodiscard]] bool was_cut() const noexcept { return cut_; }

    // Goes to the next run. False if there is none.
    [[nodiscard]] bool next() {
        while (!path_.empty()) {
            Decision& last = path_.back();
            if (last.of_thread) {
                last.asleep |= 1U << last.chosen;
                if (const unsigned left = last.enabled & ~last.asleep; left != 0) {
                    last.chosen = static_cast<unsigned>(std::countr_zero(left));
                    return true;
                }
            } else if (++last.chosen < last.count) {
                return true;
            }
            path_.pop_back();
        }
        return false;
    }

    unsigned choose_thread(unsigned enabled, const std::array<Step, threads_max>& steps,
                           unsigned last) override {
        if (cut_) {
            return static_cast<unsigned>(std::countr_zero(enabled));
        }
        if (depth_ == path_.size()) {
            const unsigned left = enabled & ~asleep_;
            if (left == 0) {
                // runs on to its end, because a thread cannot be stopped in the middle, but decides
                // nothing
                cut_ = true;
                return static_cast<unsigned>(std::countr_zero(enabled));
            }
            Decision made;
            made.of_thread = true;
            made.enabled = enabled;
            made.asleep = asleep_;
            made.steps = steps;
            made.chosen = (left >> last & 1U) != 0 ? last
                                                   : static_cast<unsigned>(std::countr_zero(left));
            path_.push_back(made);
        }
        const Decision& here = path_[depth_++];
        asleep_ = 0;
        if (limits_.reduced) {
            for (unsigned i = 0; i < threads_max; ++i) {
                if ((here.asleep >> i & 1U) != 0 &&
                    are_independent(here.steps[i], here.steps[here.chosen])) {
                    asleep_ |= 1U << i;
                }
            }
        }
        return here.chosen;
    }

    unsigned choose_value(unsigned count) override {
        if (late_loads_ == limits_.late_loads_max) {
            return 0;
        }
        const unsigned behind = choose(count);
        late_loads_ += behind != 0 ? 1 : 0;
        return behind;
    }

    bool choose_failure() override {
        if (random_failures_ == limits_.random_failures_max) {
            return false;
        }
        const bool fails = choose(2) == 1;
        random_failures_ += fails ? 1 : 0;
        return fails;
    }

private:
    unsigned choose(unsigned count) {
        if (cut_) {
            return 0;
        }
        if (depth_ == path_.size()) {
            Decision made;
            made.count = count;
            path_.push_back(made);
        }
        return path_[depth_++].chosen;
    }

    const Limits& limits_;
    std::vector<Decision> path_;
    std::size_t depth_ = 0;
    unsigned asleep_ = 0;
    bool cut_ = false;
    unsigned late_loads_ = 0;
    unsigned random_failures_ = 0;
};

class Drawn final : public Driver {
public:
    Drawn(std::uint64_t seed, const Limits& limits) : random_(seed), limits_(limits) {
        // some runs switch at each step, some seldom
        stays_ = static_cast<std::uint32_t>(random_.below(4)) * 16'384;
    }

    unsigned choose_thread(unsigned enabled, const std::array<Step, threads_max>&,
                           unsigned last) override {
        if ((enabled >> last & 1U) != 0 && random_.chance(stays_)) {
            return last;
        }
        unsigned at = static_cast<unsigned>(
            random_.below(static_cast<std::uint64_t>(std::popcount(enabled))));
        for (; at != 0; --at) {
            enabled &= enabled - 1;
        }
        return static_cast<unsigned>(std::countr_zero(enabled));
    }

    unsigned choose_value(unsigned count) override {
        if (late_loads_ == limits_.late_loads_max || !random_.one_in(3)) {
            return 0;
        }
        ++late_loads_;
        return static_cast<unsigned>(random_.below(count));
    }

    bool choose_failure() override {
        if (random_failures_ == limits_.random_failures_max || !random_.one_in(4)) {
            return false;
        }
        ++random_failures_;
        return true;
    }

private:
    sim::Random random_;
    const Limits& limits_;
    std::uint32_t stays_ = 0;
    unsigned late_loads_ = 0;
    unsigned random_failures_ = 0;
};

}  // namespace

Explored explore(const Machine::World& world, const Limits& limits) {
    Explored result;
    Machine machine(limits.plant);
    DepthFirst driver(limits);
    do {
        if (result.runs + result.cut == limits.runs_max) {
            result.steps = machine.steps();
            return result;
        }
        driver.begin();
        if (!machine.run(world, driver, limits.steps_max)) {
            result.failure = "run " + std::to_string(result.runs + result.cut + 1) + ": " +
                             machine.failure();
            result.steps = machine.steps();
            return result;
        }
        ++(driver.was_cut() ? result.cut : result.runs);
    } while (driver.next());
    result.complete = true;
    result.steps = machine.steps();
    return result;
}

Explored sample(const Machine::World& world, std::uint64_t first, std::uint64_t seeds,
                const Limits& limits) {
    Explored result;
    Machine machine(limits.plant);
    for (std::uint64_t seed = first; seed - first < seeds; ++seed) {
        Drawn driver(seed, limits);
        if (!machine.run(world, driver, limits.steps_max)) {
            result.failure = "seed " + std::to_string(seed) + " (--seed " + std::to_string(seed) +
                             " runs it again): " + machine.failure();
            break;
        }
        ++result.runs;
    }
    result.steps = machine.steps();
    return result;
}

}  // namespace portico::interleave
