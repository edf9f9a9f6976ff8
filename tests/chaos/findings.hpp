// The findings of a round: violations, and judgements of time that do not count because this
// machine kept the suite or the host from running. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

namespace portico::chaos {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Ms = std::chrono::milliseconds;

[[nodiscard]] inline long long in_ms(Clock::duration time) {
    return std::chrono::duration_cast<Ms>(time).count();
}

class Findings {
public:
    // A rule was broken: prints it at once (the first ones of a kind), and the round fails. `kind`
    // is a word or two by which a reader sorts them.
    void violation(const std::string& kind, const std::string& text) {
        constexpr std::uint64_t printed_max = 6;
        const std::scoped_lock lock(mutex_);
        std::uint64_t& count = count_of(kind);
        if (++count <= printed_max) {
            std::printf("VIOLATION (%s): %s\n", kind.c_str(), text.c_str());
            std::fflush(stdout);
        }
    }
    void judged() {
        const std::scoped_lock lock(mutex_);
        ++judged_;
    }
    // Something was late, but the machine took so much time away that it is no violation.
    void void_judgement() {
        const std::scoped_lock lock(mutex_);
        ++voided_;
    }

    struct Kind {
        std::string name;
        std::uint64_t count = 0;
    };
    [[nodiscard]] std::vector<Kind> kinds() const {
        const std::scoped_lock lock(mutex_);
        return kinds_;
    }
    [[nodiscard]] std::uint64_t judgements() const {
        const std::scoped_lock lock(mutex_);
        return judged_;
    }
    [[nodiscard]] std::uint64_t voided() const {
        const std::scoped_lock lock(mutex_);
        return voided_;
    }

private:
    std::uint64_t& count_of(const std::string& name) {
        for (Kind& kind : kinds_) {
            if (kind.name == name) {
                return kind.count;
            }
        }
        kinds_.push_back({name, 0});
        return kinds_.back().count;
    }

    mutable std::mutex mutex_;
    std::vector<Kind> kinds_;  // under mutex_, like the rest
    std::uint64_t judged_ = 0;
    std::uint64_t voided_ = 0;
};

}  // namespace portico::chaos
