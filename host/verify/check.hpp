// The checks, by name. Each gets the subject, runs any number of worlds, and says what it found.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "verify/finding.hpp"
#include "verify/play.hpp"

namespace portico::verify {

// A check that runs.
class Checking {
public:
    explicit Checking(const Subject& subject) : subject_(subject) {}

    [[nodiscard]] const Subject& subject() const noexcept { return subject_; }

    // Plays, and takes what the watch has found.
    Outcome play(const Play& play);
    // The whole script in one piece: what all others are compared with. Its output is only reliable
    // if is_deterministic().
    [[nodiscard]] const Outcome& reference();
    [[nodiscard]] bool is_deterministic();
    // The same output comes if the peer waits so long before it ends its stream.
    [[nodiscard]] bool is_same_after(std::uint64_t wait_ns);

    // The names of what differs from the reference: less, more, or otherwise.
    struct Names {
        std::string_view less, more, other;
    };
    // Reports an output that is not the reference's. `how` says what was different about the run.
    void compare(const Outcome& outcome, const std::string& how, const Names& names);
    // The same for an output that may end early.
    void compare_begin(const std::string& output, const std::string& how, std::string_view name);

    void found(std::string_view name, const std::string& text);
    void take(const std::set<Finding>& findings);
    void take(const Answers& answers);
    void take(const Watch& watch) {
        take(watch.findings());
        take(watch.answers());
    }
    void skip(const std::string& why) { skipped_ = why; }
    void note(const std::string& text) { notes_.push_back(text); }
    void ran() noexcept { ++runs_; }
    // Of a random world: the seed that has failed.
    void fail_seed(std::uint64_t seed) noexcept { failed_seed_ = seed; }

    [[nodiscard]] const std::set<Finding>& findings() const noexcept { return findings_; }
    // True if one mistake has been found: others would follow from it, so the check ends.
    [[nodiscard]] bool is_over() const noexcept { return !findings_.empty(); }
    [[nodiscard]] const std::string& skipped() const noexcept { return skipped_; }
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
    [[nodiscard]] std::uint32_t runs() const noexcept { return runs_; }
    [[nodiscard]] const Answers& answers() const noexcept { return answers_; }
    [[nodiscard]] std::optional<std::uint64_t> failed_seed() const noexcept { return failed_seed_; }

private:
    Subject subject_;
    std::optional<Outcome> reference_;
    bool is_deterministic_ = true;
    std::set<Finding> findings_;
    std::string skipped_;
    std::vector<std::string> notes_;
    std::uint32_t runs_ = 0;
    Answers answers_;
    std::optional<std::uint64_t> failed_seed_;
};

struct Check {
    std::string_view name;
    std::string_view what;  // for a person, after the name
    void (*run)(Checking& checking);
};

// In the order in which they are run and shown.
[[nodiscard]] std::span<const Check> checks() noexcept;

// ---- checks_cutting.cpp
void check_script(Checking& checking);
void check_bytes(Checking& checking);
void check_splits(Checking& checking);
void check_bounds(Checking& checking);
void check_back_pressure(Checking& checking);
// ---- checks_ends.cpp
void check_half_close(Checking& checking);
void check_reset(Checking& checking);
void check_close(Checking& checking);
void check_drain(Checking& checking);
void check_timers(Checking& checking);
// ---- checks_instances.cpp
void check_settings(Checking& checking);
void check_connections(Checking& checking);
void check_instances(Checking& checking);
void check_generations(Checking& checking);
// ---- checks_memory.cpp
void check_failures(Checking& checking);
void check_leaks(Checking& checking);
// ---- random_world.cpp
void check_random(Checking& checking);

}  // namespace portico::verify
