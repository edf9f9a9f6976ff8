// The steps of a round:
//   1. the host starts. What it holds now is the baseline;
//   2. the acts of Phase::before come to a stand: nothing can move, and no thread may work;
//   3. the traffic, with the well-behaved client beside it;
//   4. the release: every peer ends, and gets what it is owed;
//   5. at rest the host has as many descriptors and threads as at its start, and does not work.
//      Its memory was within the bounds;
//   6. the host is told to stop while new connections are open.
#include "round.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "crowd.hpp"
#include "neighbour.hpp"
#include "soak/host_log.hpp"
#include "soak/process.hpp"
#include "system_sockets.hpp"

namespace portico::chaos {

namespace {

std::atomic<int> host_pid{0};

using soak::HostLog;
using soak::Process;

constexpr Ms before_lasts{3'000}, traffic_lasts{9'500}, still_for{1'500}, released_for{15'000};
constexpr Ms short_before_lasts{500}, short_traffic_lasts{2'500}, short_released_for{3'000};
// More than this share of a processor, while nothing moves, is a spin.
constexpr int spin_percent = 10;
constexpr std::uint64_t memory_slack_kib = 16 * 1'024;
// Under Wine the host's process also has descriptors of Wine's own, which come and go.
constexpr std::uint64_t wine_descriptors = 6;

class Round {
public:
    Round(const Programs& programs, const Plan& plan)
        : programs_(programs), plan_(plan), scene_(plan, findings_) {}

    Outcome run() {
        const Time began = Clock::now();
        if (start()) {
            Watch watch(host_->pid(), !programs_.emulator.empty());
            watch.add(crowd_clock_);
            watch.add(neighbour_.clock());
            scene_.watch = watch_ = &watch;
            play();
            stop();
            scene_.watch = watch_ = nullptr;
        }
        Outcome outcome;
        for (const Findings::Kind& kind : findings_.kinds()) {
            outcome.kinds.push_back(kind.name + " (" + std::to_string(kind.count) + ")");
        }
        outcome.is_right = outcome.kinds.empty();
        outcome.judgements = findings_.judgements();
        outcome.voided = findings_.voided();
        outcome.summary = std::to_string(crowd_.peers()) + " peers, " +
                          std::to_string(outcome.judgements) + " judgements (" +
                          std::to_string(outcome.voided) + " void), the neighbour had " +
                          std::to_string(neighbour_.answers()) + " answers, the slowest after " +
                          std::to_string(neighbour_.slowest_ms()) + " ms; memory " +
                          std::to_string(memory_peak_kib_ / 1'024) + " of " +
                          std::to_string(memory_bound_kib_ / 1'024) + " MiB; stop " +
                          std::to_string(stop_ms_) + " ms; " +
                          std::to_string(in_ms(Clock::now() - began) / 1'000) + " s";
        return outcome;
    }

private:
    bool start() {
        const std::string name = programs_.work + "/chaos.json";
        std::ofstream(name) << configuration_of(plan_, programs_.plugins);
        log_ = std::make_unique<HostLog>(programs_.work + "/host.pipe",
                                         programs_.work + "/host.log");
        std::vector<std::string> command{programs_.host, "--config", name};
        if (!programs_.emulator.empty()) {
            command.insert(command.begin(), programs_.emulator);
        }
        host_ = std::make_unique<Process>(command, programs_.work + "/host.pipe");
        host_pid = host_->pid();
        const Time deadline = Clock::now() + Ms(60'000);
        while (log_->line_with(" ready").empty() && Clock::now() < deadline &&
               !host_->wait(Ms(10))) {
        }
        if (log_->line_with(" ready").empty()) {
            findings_.violation(
                "the start", "the host does not become ready; see " + programs_.work + "/host.log");
            host_pid = 0;
            host_.reset();
            return false;
        }
        for (const ListenerPlan& listener : plan_.listeners) {
            const std::string line = log_->line_with("listener=" + listener.name +
                                                     " listening on ");
            scene_.ports.push_back(static_cast<std::uint16_t>(
                std::strtoul(line.substr(line.rfind(':') + 1).c_str(), nullptr, 10)));
        }
        ready_ = held();
        return true;
    }

    void play() {
        crowd_.begin(Phase::before);
        crowd_.run_until(Clock::now() + (plan_.is_short ? short_before_lasts : before_lasts));
        look_for_spin("nothing can move");
        neighbour_.start();
        crowd_.begin(Phase::traffic);
        suspend();
        crowd_.run_until(Clock::now() + (plan_.is_short ? short_traffic_lasts : traffic_lasts));
        neighbour_.stop();
        crowd_.release();
        if (!drive_until(plan_.is_short ? short_released_for : released_for,
                         [this] { return crowd_.active() == 0; })) {
            crowd_.give_up("still there at the end");
        }
        come_to_rest();
        judge_memory();
    }

    // Drives until `is_done`. False if that takes longer than `limit` plus the time that the
    // machine took away; or, on a machine that hardly runs at all, minutes.
    bool drive_until(Ms limit, const std::function<bool()>& is_done) {
        const Time began = Clock::now();
        bool done = false;
        crowd_.run_until(began + Ms(180'000), [&] {
            done = is_done();
            return done || watch_->verdict(began, Clock::now(), limit) == Watch::Verdict::too_late;
        });
        return done;
    }

    // Stops the host at the plan's times, during the traffic.
    void suspend() {
        const Time began = Clock::now();
        for (const Suspension& suspension : plan_.suspensions) {
            crowd_.run_until(began + Ms(suspension.after_ms));
            const Time from = Clock::now();
            // The host gets a moment more to recover.
            watch_->add_suspension(from, from + Ms(suspension.for_ms) + Ms(100));
            host_->signal(SIGSTOP);
            crowd_.run_until(from + Ms(suspension.for_ms));
            host_->signal(SIGCONT);
        }
    }

    // The bytes that have moved so far. The peers see only a part of them: the host may still read
    // what they sent long ago.
    std::pair<std::uint64_t, BytesInSystem> moved() {
        return {crowd_.moved(), bytes_in_system(scene_.ports)};
    }

    // Waits until nothing has moved for a while, and then measures for a time.
    void look_for_spin(const char* state) {
        for (int attempts = 3; attempts > 0; --attempts) {
            auto seen = moved();
            Time since = Clock::now();
            crowd_.run_until(Clock::now() + Ms(2'500), [&] {
                if (Clock::now() - since > Ms(400)) {
                    const auto now = moved();
                    if (now == seen) {
                        return true;
                    }
                    seen = now;
                    since = Clock::now();
                }
                return false;
            });
            const Time began = Clock::now();
            const Watch::Threads before = watch_->threads();
            crowd_.run_until(began + still_for);
            const Watch::Threads after = watch_->threads();
            if (moved() != seen) {
                continue;
            }
            findings_.judged();
            const auto lasted = Clock::now() - began;
            for (const auto& [id, thread] : after) {
                const auto old = before.find(id);
                const std::chrono::nanoseconds ran(thread.ran_ns -
                                                   (old == before.end() ? 0 : old->second.ran_ns));
                if (ran * 100 > lasted * spin_percent) {
                    findings_.violation(
                        "spin", "thread " + std::to_string(id) + " of the host worked for " +
                                    std::to_string(in_ms(ran)) + " of " +
                                    std::to_string(in_ms(lasted)) + " ms while " + state);
                }
            }
            return;
        }
    }

    void come_to_rest() {
        std::uint32_t longest_ms = 0;
        for (const ListenerPlan& listener : plan_.listeners) {
            longest_ms = std::max(longest_ms, listener.close_ms * 3 / 2);
        }
        const std::uint64_t slack = plan_.on_windows ? wine_descriptors : 0;
        Process::Resources rest;
        const auto is_at_rest = [&] {
            rest = held();
            return rest.descriptors <= ready_.descriptors + slack + unheard_ends(scene_.ports) &&
                   rest.descriptors + slack >= ready_.descriptors &&
                   rest.threads <= ready_.threads + slack;
        };
        // Peers that keep their end of a connection that the host has ended cannot keep the host's
        // end.
        const Time began = Clock::now();
        crowd_.run_until(began + Ms(longest_ms) + Ms(2'000), is_at_rest);
        if (!is_at_rest() &&
            watch_->is_too_late(findings_, began, Clock::now(), Ms(longest_ms) + Ms(1'000))) {
            findings_.violation("not at rest", "the host has " + text_of(rest) +
                                                   "; when it was ready " + text_of(ready_));
        }
        crowd_.drop_all();
        look_for_spin("it has no connection");
    }

    void judge_memory() {
        const std::uint64_t ports = plan_.ports == "per_core" ? plan_.threads : 1;
        const std::uint64_t pools = ports * plan_.receive_buffers *
                                    (plan_.receive_buffer_bytes + 1'024ULL);
        memory_peak_kib_ = watch_->memory_peak_kib();
        memory_bound_kib_ = ready_.memory_kib + (pools + crowd_.memory_bound_peak()) / 1'024 +
                            memory_slack_kib;
        if (memory_peak_kib_ > memory_bound_kib_) {
            findings_.violation("memory", "the host had " +
                                              std::to_string(memory_peak_kib_ / 1'024) +
                                              " MiB, where its limits allow " +
                                              std::to_string(memory_bound_kib_ / 1'024) + " MiB");
        }
    }

    void stop() {
        crowd_.begin(Phase::stop);
        crowd_.run_until(Clock::now() + Ms(1'200));
        const Time asked = Clock::now();
        scene_.stop_asked = asked;
        host_->signal(plan_.on_windows ? SIGINT : SIGTERM);
        std::optional<int> code;
        const Ms allowed = Ms(plan_.drain_ms) + Ms(1'000);
        // The time of its last log line shows when its work was done. The end of the process, which
        // gives its memory back, may take longer if it hardly gets a processor.
        std::optional<Time> stopped;
        static_cast<void>(drive_until(allowed + Ms(10'000), [&] {
            if (!stopped && !log_->line_with(" info stopped").empty()) {
                stopped = Clock::now();
            }
            return (code = host_->wait(Ms(0))).has_value();
        }));
        const Time ended = stopped.value_or(Clock::now());
        stop_ms_ = in_ms(ended - asked);
        if (!code) {
            findings_.violation("the stop",
                                "the host does not end; see " + programs_.work + "/host.log");
        } else if (*code != 0) {
            findings_.violation("the stop", "the host's exit code is " + std::to_string(*code));
        }
        if (watch_->is_too_late(findings_, asked, ended, allowed)) {
            findings_.violation("the stop", "it took " + std::to_string(stop_ms_) + " ms, where " +
                                                std::to_string(allowed.count()) + " are allowed");
        }
        // By then the bytes that the host has sent are there, or never will be.
        crowd_.run_until(Clock::now() + Ms(100));
        crowd_.drop_all();
        judge_watchdog();
        host_pid = 0;
        host_.reset();
        log_.reset();
    }

    // The watchdog may report no plugin but the one whose callbacks take seconds.
    void judge_watchdog() {
        findings_.judged();
        for (const std::string& line : log_->lines_with(" has not returned for ")) {
            if (line.find("listener=slow ") == std::string::npos) {
                findings_.violation("the watchdog", "it reports a healthy plugin: " + line);
            }
        }
    }

    Process::Resources held() const {
        Process::Resources held = host_->resources();
        held.threads = Watch::count_own_threads(host_->pid());
        return held;
    }

    static std::string text_of(const Process::Resources& resources) {
        return std::to_string(resources.descriptors) + " descriptors and " +
               std::to_string(resources.threads) + " threads";
    }

    const Programs& programs_;
    const Plan& plan_;
    Findings findings_;
    Scene scene_;
    LoopClock crowd_clock_;
    std::unique_ptr<HostLog> log_;  // ends after the host
    std::unique_ptr<Process> host_;
    Watch* watch_ = nullptr;
    Crowd crowd_{scene_, crowd_clock_};
    Neighbour neighbour_{scene_};
    Process::Resources ready_;
    std::uint64_t memory_peak_kib_ = 0, memory_bound_kib_ = 0;
    long long stop_ms_ = 0;
};

}  // namespace

int host_under_way() {
    return host_pid;
}

Outcome run_round(const Programs& programs, const Plan& plan) {
    return Round(programs, plan).run();
}

}  // namespace portico::chaos
