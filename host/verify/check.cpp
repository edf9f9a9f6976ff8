#include "verify/check.hpp"

namespace portico::verify {

namespace {

// Where two texts begin to differ, for a person.
std::string difference(std::string_view expected, std::string_view came) {
    std::size_t at = 0;
    while (at < expected.size() && at < came.size() && expected[at] == came[at]) {
        ++at;
    }
    const auto rest = [at](std::string_view text) {
        return at == text.size() ? std::string("nothing") : shown(text.substr(at));
    };
    return "after " + std::to_string(at) + " equal bytes expected " + rest(expected) + ", came " +
           rest(came);
}

}  // namespace

Outcome Checking::play(const Play& play) {
    ++runs_;
    Outcome outcome = run_play(subject_, play);
    take(outcome.findings);
    take(outcome.answers);
    return outcome;
}

const Outcome& Checking::reference() {
    if (reference_) {
        return *reference_;
    }
    // Whether threads of the plugin call the host shows only if they get the time.
    subject_.has_threads = true;
    reference_ = play(whole_play(subject_));
    subject_.has_threads = reference_->has_threads;
    const Outcome again = play(whole_play(subject_));
    if (!reference_->mistakes.empty()) {
        found("cannot-create", "create fails with these settings, so nothing can be played: " +
                                   reference_->mistakes.front());
    } else if (again.output != reference_->output) {
        is_deterministic_ = false;
        note(
            "not deterministic: two runs of the same input gave different output, so outputs are "
            "not compared");
    } else if (again.digest != reference_->digest) {
        note(reference_->has_threads || again.has_threads
                 ? "not deterministic: threads of the plugin call the host"
                 : "not deterministic: two runs of the same input made different calls");
    }
    // The slowest plays take about a millisecond for each byte.
    if (is_deterministic_ && !is_over() && !is_same_after(input_bytes(subject_) * millisecond)) {
        is_deterministic_ = false;
        note("the output depends on the time, so outputs are not compared");
    }
    return *reference_;
}

bool Checking::is_same_after(std::uint64_t wait_ns) {
    Play slow = whole_play(subject_);
    slow.wait_ns = wait_ns;
    return play(slow).output == reference().output;
}

bool Checking::is_deterministic() {
    static_cast<void>(reference());
    return is_deterministic_;
}

void Checking::compare(const Outcome& outcome, const std::string& how, const Names& names) {
    const std::string& expected = reference().output;
    if (!is_deterministic_ || outcome.output == expected) {
        return;
    }
    const std::string_view name = outcome.output.size() < expected.size()   ? names.less
                                  : outcome.output.size() > expected.size() ? names.more
                                                                            : names.other;
    found(name, how + ": " + difference(expected, outcome.output));
}

void Checking::compare_begin(const std::string& output, const std::string& how,
                             std::string_view name) {
    if (is_deterministic() && !reference().output.starts_with(output)) {
        found(name, how + ": " + difference(reference().output, output));
    }
}

void Checking::take(const std::set<Finding>& findings) {
    for (const Finding& finding : findings) {
        found(finding.name, finding.text);
    }
}

void Checking::take(const Answers& answers) {
    for (std::size_t i = 0; i < function_count; ++i) {
        answers_[i].insert(answers[i].begin(), answers[i].end());
    }
}

void Checking::found(std::string_view name, const std::string& text) {
    // The first one of a name says enough.
    for (const Finding& finding : findings_) {
        if (finding.name == name) {
            return;
        }
    }
    findings_.insert({std::string(name), text});
}

std::span<const Check> checks() noexcept {
    static constexpr Check all[] = {
        {"settings", "validate and create agree", check_settings},
        {"script", "the plugin answers as the script says", check_script},
        {"bounds", "nothing is read past an offer, or after it", check_bounds},
        {"bytes", "one byte at a time gives the same output", check_bytes},
        {"splits", "every split over two and three reads gives the same output", check_splits},
        {"back-pressure", "a peer that reads late gets the same output", check_back_pressure},
        {"half-close", "the peer may end its stream at each step", check_half_close},
        {"reset", "the peer may reset at each step", check_reset},
        {"close", "a close may come before each callback", check_close},
        {"drain", "a drain or a stop may come at each step", check_drain},
        {"timers", "timers and posts may race with the close", check_timers},
        {"connections", "two connections do not disturb each other", check_connections},
        {"instances", "two instances do not disturb each other", check_instances},
        {"generations", "a new generation may take over at each step", check_generations},
        {"failures", "each host function may fail", check_failures},
        {"leaks", "nothing is left of a connection", check_leaks},
        {"random", "random worlds", check_random},
    };
    return all;
}

}  // namespace portico::verify
