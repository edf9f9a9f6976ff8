// Watches the host from outside (/proc) and the suite's own loops: the processor time that each
// thread of the host used, its waits for a processor, and the lateness of the suite itself. This
// shows which delays are the host's fault.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "findings.hpp"

namespace portico::chaos {

// One of the suite's loops, which should come around every `period`. Its lateness adds up.
class LoopClock {
public:
    static constexpr Ms period{20};

    void comes_around() {
        const Time now = Clock::now();
        const auto gap = now - last_;
        last_ = now;
        if (started_ && gap > period + Ms(10)) {
            late_ns_ += (gap - period).count();
        }
        started_ = true;
    }
    // The loop did not have to run meanwhile.
    void pauses() { started_ = false; }
    [[nodiscard]] std::int64_t late_ns() const { return late_ns_; }

private:
    Time last_{};
    bool started_ = false;
    std::atomic<std::int64_t> late_ns_{0};
};

class Watch {
public:
    // `in_emulator`: the host cannot run without the emulator's server, so the server's waits count
    // too.
    Watch(pid_t host, bool in_emulator);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Adds a loop whose lateness counts. Call it before anything is judged.
    void add(const LoopClock& loop);

    // The suite keeps the host from running in this time. Call it before the host runs again.
    void add_suspension(Time from, Time to);

    // The time, between two moments, for which the machine kept these from running: the suite, a
    // thread of the host (the one that waited most), and the emulator's server.
    [[nodiscard]] Clock::duration deprived(Time from, Time to) const;
    enum class Verdict : std::uint8_t { in_time, nobody_knows, too_late };
    // Something is too late if it passes `limit` by more than the time that the machine took away.
    [[nodiscard]] Verdict verdict(Time from, Time to, Clock::duration limit) const;
    // Judges something that is over: counts the judgement, and a void one.
    [[nodiscard]] bool is_too_late(Findings& findings, Time from, Time to,
                                   Clock::duration limit) const;

    struct Thread {
        std::int64_t ran_ns = 0;
        std::int64_t waited_ns = 0;  // for a processor
    };
    using Threads = std::map<pid_t, Thread>;
    [[nodiscard]] Threads threads() const { return threads_of(host_); }
    // Leaves out the threads that the kernel adds for io_uring and removes at any time.
    [[nodiscard]] static std::size_t count_own_threads(pid_t process);
    [[nodiscard]] std::uint64_t memory_peak_kib() const { return memory_peak_kib_; }
    [[nodiscard]] std::uint64_t memory_kib() const;

private:
    struct Sample {
        Time at;
        std::vector<std::int64_t> late_ns;  // of each loop
        Threads threads;                    // of the host
        Threads servers;                    // of the emulator's server
    };
    void watch();
    [[nodiscard]] Sample sample() const;
    [[nodiscard]] static Threads threads_of(pid_t process);

    const pid_t host_;
    std::vector<pid_t> servers_;
    std::atomic<bool> ends_{false};
    std::atomic<std::uint64_t> memory_peak_kib_{0};
    mutable std::mutex mutex_;
    std::vector<const LoopClock*> loops_;  // under mutex_, like the samples
    std::vector<Sample> samples_;
    struct Span {
        Time from, to;
    };
    std::vector<Span> suspensions_;
    std::thread thread_;
};

}  // namespace portico::chaos
