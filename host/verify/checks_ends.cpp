// Checks of the ends: of the peer's stream, of the connection, of the host.
#include <algorithm>

#include "verify/check.hpp"

namespace portico::verify {

namespace {

constexpr std::size_t steps_max = 64;
constexpr std::uint32_t callbacks_max = 200;

// Places in the script at which something may happen: its begin and end, the end of each send, and
// bytes between them.
std::vector<std::size_t> steps_of(const Subject& subject) {
    const std::size_t bytes = input_bytes(subject);
    std::vector<std::size_t> steps = send_ends_of(subject.script);
    steps.push_back(0);
    const std::size_t stride = 1 + bytes / steps_max;
    for (std::size_t at = 0; at < bytes; at += stride) {
        steps.push_back(at);
    }
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    return steps;
}

void end_at_each_step(Checking& checking, Play::Ending ending, bool compares) {
    const std::size_t bytes = input_bytes(checking.subject());
    for (const std::size_t step : steps_of(checking.subject())) {
        if (checking.is_over()) {
            return;
        }
        Play play = cut_play(checking.subject(), {}, step);
        play.ending = ending;
        const Outcome outcome = checking.play(play);
        if (compares && step == bytes) {
            checking.compare_begin(outcome.output, "the end comes after the whole input",
                                   "differs-at-end");
        }
    }
}

}  // namespace

void check_half_close(Checking& checking) {
    end_at_each_step(checking, Play::Ending::finish, true);
}

void check_reset(Checking& checking) {
    end_at_each_step(checking, Play::Ending::reset, true);
    // The reset comes while the plugin still has something to send.
    for (const std::size_t step : steps_of(checking.subject())) {
        if (checking.is_over()) {
            return;
        }
        Play play = cut_play(checking.subject(), {}, step);
        play.ending = Play::Ending::reset;
        play.reads_late = true;
        play.receive_room = 1;
        play.options.faults.buffer_bytes = 1;
        play.options.listener.limits.send_queue_bytes = 64;
        static_cast<void>(checking.play(play));
    }
}

void check_close(Checking& checking) {
    const std::uint32_t callbacks = std::min(checking.reference().callbacks, callbacks_max);
    for (std::uint32_t number = 1; number <= callbacks; ++number) {
        for (const std::uint32_t how : {PORTICO_CLOSE_GRACEFUL, PORTICO_CLOSE_ABORT}) {
            if (checking.is_over()) {
                return;
            }
            Play play = whole_play(checking.subject());
            play.options.watch.closes_before = number;
            play.options.watch.closes_how = how;
            const Outcome outcome = checking.play(play);
            checking.compare_begin(
                outcome.output,
                "the connection is closed before callback " + std::to_string(number),
                "differs-at-close");
        }
    }
}

void check_drain(Checking& checking) {
    end_at_each_step(checking, Play::Ending::drain, false);
    end_at_each_step(checking, Play::Ending::stop, false);
}

void check_timers(Checking& checking) {
    // A timer that is due, is about to be, or was just now, when the end comes.
    std::set<std::uint64_t> waits = {0, millisecond};
    for (const std::uint32_t period : checking.reference().timer_periods) {
        const std::uint64_t due = period * millisecond;
        if (due <= 3'600 * second && waits.size() < 24) {
            waits.insert({due > millisecond ? due - millisecond : 0, due, due + millisecond});
        }
    }
    std::uint64_t seed = checking.subject().seed;
    std::vector<std::size_t> steps = send_ends_of(checking.subject().script);
    steps.insert(steps.begin(), 0);
    for (const std::uint64_t wait : waits) {
        for (const Play::Ending ending :
             {Play::Ending::finish, Play::Ending::reset, Play::Ending::drain, Play::Ending::stop}) {
            for (const std::size_t step : steps) {
                if (checking.is_over()) {
                    return;
                }
                Play play = cut_play(checking.subject(), {}, step);
                play.wait_ns = wait;
                play.ending = ending;
                // Completions, posts and timers overtake each other.
                play.options.seed = ++seed;
                play.options.faults.operation_delay_ns_max = 2 * millisecond;
                play.options.faults.shuffle = 32'768;
                play.options.faults.late_cancel = 32'768;
                static_cast<void>(checking.play(play));
            }
        }
    }
}

}  // namespace portico::verify
