// The helper threads of an instance, and the queue of the work that may block.
//
//     add -> queue -> a thread: run -> the work's own way back
//
// Concurrency: mutex_ guards everything but what is constant. A thread takes a piece of work under
// it and runs it without it. So what the giver wrote before add() happens before the work, and
// open() happens before all of it. Once work has been run it belongs to whoever it went back to,
// and is not touched here. (The simulation replaces mutexes, condition variables and threads, so it
// runs this code too.)
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/intrusive.hpp"

namespace portico::plugin {

class Executor {
public:
    struct Work : base::Link {
        void (*run)(Work& work) noexcept = nullptr;  // on a helper thread
    };
    // Work that was added and has not been run.
    struct Left {
        std::uint32_t running = 0;
        std::uint32_t waiting = 0;
        [[nodiscard]] std::uint32_t all() const noexcept { return running + waiting; }
    };
    enum class Added : std::uint8_t { added, full, unavailable };

    // Starts nothing. `queue_max`: how much work may wait for a thread.
    Executor(std::uint32_t threads_max, std::uint32_t queue_max) noexcept
        : threads_max_(threads_max), queue_max_(queue_max) {}
    // Must be stopped, or never started.
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // From any thread. Starts the threads, unless that has been done. False: the system gives none.
    // If it gives fewer than it should, `mistake` says why, to the caller that started them.
    [[nodiscard]] bool start(std::string& mistake) noexcept;
    // From now on work is taken.
    void open() noexcept;
    // From any thread. `full`: as much as may wait is waiting. `unavailable`: before open(), or
    // without threads.
    [[nodiscard]] Added add(Work& work) noexcept;
    // From any thread.
    [[nodiscard]] Left left() const noexcept;
    // When no work is left, and none will come: ends the threads. A second call does nothing.
    void stop() noexcept;

private:
    void serve(std::uint32_t number) noexcept;

    const std::uint32_t threads_max_;
    const std::uint32_t queue_max_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    base::Fifo<Work> queue_;
    Left left_;
    bool is_open_ = false;
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace portico::plugin
