#include "log/function_sink.hpp"

#include <system_error>
#include <utility>

#include "base/thread_name.hpp"

namespace portico::log {

Line line_of(const LineHead& head, std::string_view text) {
    return {head.level, head.time, std::string(head.listener), head.connection, escaped(text)};
}

base::Result<std::shared_ptr<FunctionSink>> FunctionSink::open(Function function,
                                                               std::uint32_t queue) {
    const std::shared_ptr<FunctionSink> sink(new FunctionSink(std::move(function), queue));
    try {
        sink->thread_ = std::thread([raw = sink.get()] { raw->run(); });
    } catch (const std::system_error& error) {
        return base::Failure{"cannot start the log's thread: " + error.code().message()};
    }
    return sink;
}

void FunctionSink::put(Line line) noexcept {
    const std::scoped_lock lock(mutex_);
    if (closing_) {
        return;
    }
    if (lines_.size() == queue_max_) {
        lines_.pop_front();
        ++dropped_;
        ++all_missing_;
    }
    try {
        lines_.push_back(std::move(line));
    } catch (...) {
        ++lost_;
        ++all_missing_;
    }
    changed_.notify_one();
}

void FunctionSink::count_lost() noexcept {
    const std::scoped_lock lock(mutex_);
    ++lost_;
    ++all_missing_;
}

std::uint64_t FunctionSink::lines_missing() noexcept {
    const std::scoped_lock lock(mutex_);
    return all_missing_;
}

void FunctionSink::flush(std::chrono::steady_clock::time_point deadline) noexcept {
    std::unique_lock lock(mutex_);
    idle_changed_.wait_until(lock, deadline, [this] { return lines_.empty() && idle_; });
}

void FunctionSink::close(std::chrono::steady_clock::time_point deadline) noexcept {
    {
        const std::scoped_lock lock(mutex_);
        closing_ = true;
        deadline_ = deadline;
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

// ---- the thread

void FunctionSink::run() noexcept {
    base::name_this_thread("portico-log");
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return !lines_.empty() || closing_; });
        if (lines_.empty() || (closing_ && std::chrono::steady_clock::now() >= deadline_)) {
            break;
        }
        const Line line = std::move(lines_.front());
        lines_.pop_front();
        const std::uint64_t dropped = std::exchange(dropped_, 0);
        const std::uint64_t lost = std::exchange(lost_, 0);
        idle_ = false;
        lock.unlock();
        report_missing(dropped, lost);  // they came before this line
        pass_on(line);
        lock.lock();
        idle_ = true;
        idle_changed_.notify_all();
    }
}

void FunctionSink::pass_on(const Line& line) noexcept {
    try {
        function_(line);
    } catch (...) {
        count_lost();
    }
}

void FunctionSink::report_missing(std::uint64_t dropped, std::uint64_t lost) noexcept {
    const auto report = [this](std::uint64_t count, const char* why) {
        if (count == 0) {
            return;
        }
        try {
            Line line;
            line.level = base::LogLevel::warn;
            line.time = std::chrono::system_clock::now();
            line.text = std::to_string(count) + " lines of the log were dropped: " + why;
            function_(line);
        } catch (...) {
            count_lost();
        }
    };
    report(dropped, "its queue was full");
    report(lost, "out of memory");
}

}  // namespace portico::log
