// Reports callbacks that do not return: in the log, with the stack of their thread, and in the
// listener's counts.
//
// A worker notes each callback (net/current_call.hpp) and knows nothing of this. A thread of its
// own looks at all notes several times within the shortest limit. If it sees one call for as long
// as its listener's limit, that is stuck. Only the time between looks that came on time is counted:
// if one is late, the process was suspended or got no processor, and so was its callback.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/worker.hpp"
#include "server/stuck_counts.hpp"

namespace portico {

// Concurrency: everything but the end's flag belongs to the watchdog's thread once it has started.
class Watchdog {
public:
    // A listener whose callbacks are watched.
    struct Listener {
        const net::Protocol* protocol = nullptr;
        std::string name;
        std::string plugin;
        std::chrono::milliseconds limit{};  // above 0
        StuckCounts* counts = nullptr;
    };

    // All that is passed, and the listeners' counts, outlive it. `listeners`: at least one.
    Watchdog(std::vector<Listener> listeners, base::Log& log);
    // Ends the thread.
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    // Before start().
    void watch(net::WorkerGroup& group);
    [[nodiscard]] base::Result<void> start();

private:
    using Clock = std::chrono::steady_clock;

    struct Watched {
        net::WorkerGroup* group = nullptr;
        net::Worker* worker = nullptr;
        net::CallWatch watch;
        std::chrono::nanoseconds counted{};  // of the call that runs now; that the limit bounds
        std::chrono::nanoseconds seen{};     // of the same call: since the first look at it
        // The call that was reported and has not returned; null: none.
        const Listener* reported = nullptr;
        const char* callback = nullptr;
        std::uint64_t connection = 0;
    };

    void run() noexcept;
    // `passed`: since the look before.
    void look(Watched& watched, std::chrono::nanoseconds passed) noexcept;
    void report(Watched& watched, const Listener& listener) noexcept;
    void report_return(Watched& watched) noexcept;
    // Logs what the call that was reported has done.
    void log(const Watched& watched, const char* done, const char* note) noexcept;
    [[nodiscard]] const Listener* listener_of(const net::Protocol* protocol) const noexcept;

    const std::vector<Listener> listeners_;
    base::Log& log_;
    std::chrono::nanoseconds interval_{};  // between two looks
    std::vector<Watched> watched_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_ending_ = false;  // under mutex_
    std::thread thread_;
};

}  // namespace portico
