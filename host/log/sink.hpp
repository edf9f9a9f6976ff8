// Lines go to a sink: standard error or a file. Each sink has a queue and a thread of its own, so
// that none holds up another one or the writers. A full queue drops its oldest lines and reports
// later how many it dropped.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "log/line_writer.hpp"

namespace portico::log {

class Sink {
public:
    struct Options {
        std::string key;   // its key in the configuration, "log.file"; empty: standard error
        std::string file;  // in UTF-8; empty: standard error
        std::uint32_t queue = 1;
        // Gets the warnings that the file cannot take; empty for standard error. [any thread]
        std::function<void(const std::string&)> warn;
    };
    // Fails if the file cannot be opened or the thread cannot be started. The thread shares it,
    // because close() leaves the thread alone if it is still in a write at the deadline.
    [[nodiscard]] static base::Result<std::shared_ptr<Sink>> open(Options options);
    ~Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    // [any thread] Queues a line with its newline. True: it dropped an older line, for the first
    // time since that was last reported.
    [[nodiscard]] bool put(std::string line) noexcept;
    // [any thread] Counts a line that was lost because memory ran out.
    void count_lost() noexcept;
    // [any thread] Opens the file again by its name.
    void reopen() noexcept;

    // [any thread] Waits until all lines are written or the deadline has come.
    void flush(std::chrono::steady_clock::time_point deadline) noexcept;

    // [one thread] Takes no more lines and writes the waiting ones, until the deadline.
    void close(std::chrono::steady_clock::time_point deadline) noexcept;

    // "log.file", "standard error"
    [[nodiscard]] std::string name() const {
        return options_.key.empty() ? "standard error" : options_.key;
    }

private:
    struct Work {
        std::string line;  // empty: none
        std::uint64_t dropped = 0;
        std::uint64_t lost = 0;
        bool reopen = false;
        bool end = false;
    };

    explicit Sink(Options options) : options_(std::move(options)), lines_(options_.queue) {}
    void run() noexcept;
    [[nodiscard]] Work next();
    [[nodiscard]] bool carry_out(const Work& work);
    [[nodiscard]] bool write(const std::string& line);
    [[nodiscard]] bool write_note(const std::string& text);
    void warn_elsewhere(const std::string& text);
    void follow_name(bool is_asked_for);
    [[nodiscard]] bool should_give_up() noexcept;

    const Options options_;
    std::unique_ptr<LineWriter> writer_;  // the thread's own
    std::uint64_t missing_ = 0;           // lines that the file lacks so far
    bool stays_with_old_ = false;         // it could not be opened again, which was said
    std::chrono::steady_clock::time_point next_name_check_{};  // of the file's name

    std::mutex mutex_;
    std::condition_variable changed_;  // there is work
    std::condition_variable ended_changed_;
    std::condition_variable idle_changed_;
    bool idle_ = true;                // the thread is writing no line
    std::vector<std::string> lines_;  // a ring
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint64_t dropped_ = 0;  // since it was last reported
    std::uint64_t lost_ = 0;     // likewise
    bool reopen_ = false;
    bool closing_ = false;
    bool ended_ = false;
    std::chrono::steady_clock::time_point deadline_{};  // of closing

    std::thread thread_;
    std::atomic<std::uint32_t> thread_number_{0};
};

}  // namespace portico::log
