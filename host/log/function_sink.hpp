// Lines for a function of the program that embeds the server. Like every sink it has a queue and a
// thread of its own, so that a slow function holds up no worker. A full queue drops its oldest
// lines and reports later how many it dropped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "base/result.hpp"
#include "log/line_format.hpp"

namespace portico::log {

struct Line {
    base::LogLevel level = base::LogLevel::info;
    std::chrono::system_clock::time_point time;
    std::string listener;
    std::uint64_t connection = 0;
    std::string text;  // escaped and cut, without a newline
};

[[nodiscard]] Line line_of(const LineHead& head, std::string_view text);

class FunctionSink {
public:
    // The function may throw: then its line counts as lost.
    using Function = std::function<void(const Line&)>;

    // Fails if the thread cannot be started.
    [[nodiscard]] static base::Result<std::shared_ptr<FunctionSink>> open(Function function,
                                                                          std::uint32_t queue);
    // close() must have been called.
    ~FunctionSink() = default;
    FunctionSink(const FunctionSink&) = delete;
    FunctionSink& operator=(const FunctionSink&) = delete;

    // [any thread] Queues a line.
    void put(Line line) noexcept;
    // [any thread] Counts a line that was lost because memory ran out.
    void count_lost() noexcept;
    // [any thread] Lines that it has not passed on, for whatever reason.
    [[nodiscard]] std::uint64_t lines_missing() noexcept;

    // [any thread] Waits until all lines are passed on or the deadline has come.
    void flush(std::chrono::steady_clock::time_point deadline) noexcept;

    // [one thread] Takes no more lines, passes on the waiting ones until the deadline, and waits
    // for a call of the function that has begun. After it the function is not called. A second call
    // does nothing.
    void close(std::chrono::steady_clock::time_point deadline) noexcept;

private:
    FunctionSink(Function function, std::uint32_t queue)
        : function_(std::move(function)), queue_max_(queue) {}
    void run() noexcept;
    void pass_on(const Line& line) noexcept;
    void report_missing(std::uint64_t dropped, std::uint64_t lost) noexcept;

    const Function function_;
    const std::uint32_t queue_max_;

    std::mutex mutex_;
    std::condition_variable changed_;  // there is work
    std::condition_variable idle_changed_;
    bool idle_ = true;  // the thread is in no call
    std::deque<Line> lines_;
    std::uint64_t dropped_ = 0;  // since it was last reported
    std::uint64_t lost_ = 0;     // likewise
    std::uint64_t all_missing_ = 0;
    bool closing_ = false;
    std::chrono::steady_clock::time_point deadline_{};  // of closing

    std::thread thread_;
};

}  // namespace portico::log
