// The well-behaved client beside all the others, on a thread of its own. Some of its connections
// stay and ask again and again; newcomers connect, ask once, and leave. Each must be answered
// within a second.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "peer.hpp"

namespace portico::chaos {

class Neighbour {
public:
    explicit Neighbour(Scene& scene);
    ~Neighbour();

    [[nodiscard]] const LoopClock& clock() const { return clock_; }
    // Between the two calls it asks nothing, and keeps no connection.
    void start();
    void stop();
    [[nodiscard]] std::uint64_t answers() const { return answers_; }
    [[nodiscard]] long long slowest_ms() const { return slowest_ms_; }

private:
    struct Caller {
        int socket = -1;
        bool stays = false, waits = false, was_late = false;
        Time asked{}, next{};
        std::uint32_t got = 0;
    };
    void run();
    void begin(Caller& caller, Time now);
    void go_on(Caller& caller, Time now);
    void judge(Caller& caller, Time now, bool is_answered);
    [[nodiscard]] bool may_be_judged(const Caller& caller) const;
    static void leave(Caller& caller);

    Scene& scene_;
    LoopClock clock_;
    std::atomic<bool> ends_{false};
    std::atomic<std::uint64_t> answers_{0};
    std::atomic<long long> slowest_ms_{0};
    std::thread thread_;
};

}  // namespace portico::chaos
