// All peers of a round, driven by one thread.
#pragma once

#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "peer.hpp"

namespace portico::chaos {

class Crowd {
public:
    Crowd(Scene& scene, LoopClock& clock);
    ~Crowd();

    // Lets the acts of a phase begin.
    void begin(Phase phase);
    // Drives until the time has come, or until `is_done` (called now and then) returns true.
    void run_until(Time until, const std::function<bool()>& is_done = {});
    void release();
    // The number of present peers, without those that only keep the socket of a connection that is
    // over.
    [[nodiscard]] std::size_t active() const;
    [[nodiscard]] bool all_have_come() const { return coming_.empty(); }
    // Changes with every byte.
    [[nodiscard]] std::uint64_t moved() const;
    // Reports for each remaining peer what it waits for.
    void give_up(const char* why);
    void drop_all();
    [[nodiscard]] std::size_t peers() const { return peers_.size(); }
    // The most memory that the host may have had for all of them at once.
    [[nodiscard]] std::uint64_t memory_bound_peak() const { return memory_bound_peak_; }

private:
    struct Coming {
        Time at;
        std::size_t act, number;
        bool operator>(const Coming& other) const { return at > other.at; }
    };
    struct Due {
        Time at;
        std::size_t peer;
        bool operator>(const Due& other) const { return at > other.at; }
    };
    template <class T>
    using Earliest = std::priority_queue<T, std::vector<T>, std::greater<>>;

    void let_come(Time now);
    void step(std::size_t peer);
    void turn_key();
    void measure(Time now);

    Scene& scene_;
    LoopClock& clock_;
    Earliest<Coming> coming_;
    Earliest<Due> due_;
    std::vector<Time> due_at_;  // of each peer; an older entry of due_ is void
    std::vector<std::unique_ptr<Peer>> peers_;
    bool is_released_ = false;
    Time key_due_{}, measure_due_{};
    std::uint64_t memory_bound_peak_ = 0;
};

}  // namespace portico::chaos
