#include "log/sink.hpp"

#include <system_error>
#include <utility>

#include "base/thread_name.hpp"
#include "log/line_format.hpp"

namespace portico::log {

namespace {

using Clock = std::chrono::steady_clock;

// Log rotation renames the file and expects lines under the old name within a second.
constexpr auto name_check_interval = std::chrono::milliseconds(500);
// The time that a thread gets to notice that it should end.
constexpr auto end_grace = std::chrono::milliseconds(100);

}  // namespace

base::Result<std::shared_ptr<Sink>> Sink::open(Options options) {
    const std::shared_ptr<Sink> sink(new Sink(std::move(options)));
    base::Result<std::unique_ptr<LineWriter>> opened = LineWriter::open(
        sink->options_.file, [raw = sink.get()] { return raw->should_give_up(); });
    if (!opened) {
        return base::Failure{sink->options_.key + ": " + opened.error()};
    }
    sink->writer_ = std::move(*opened);
    try {
        sink->thread_ = std::thread([sink] { sink->run(); });
    } catch (const std::system_error& error) {
        return base::Failure{"cannot start the log's thread: " + error.code().message()};
    }
    return sink;
}

bool Sink::put(std::string line) noexcept {
    const std::scoped_lock lock(mutex_);
    if (closing_) {
        return false;
    }
    bool is_first_drop = false;
    if (count_ == lines_.size()) {
        first_ = (first_ + 1) % lines_.size();
        --count_;
        is_first_drop = ++dropped_ == 1;
    }
    lines_[(first_ + count_++) % lines_.size()] = std::move(line);
    changed_.notify_one();
    return is_first_drop;
}

void Sink::count_lost() noexcept {
    const std::scoped_lock lock(mutex_);
    ++lost_;
}

void Sink::reopen() noexcept {
    const std::scoped_lock lock(mutex_);
    reopen_ = true;
    changed_.notify_one();
}

void Sink::flush(Clock::time_point deadline) noexcept {
    std::unique_lock lock(mutex_);
    idle_changed_.wait_until(lock, deadline, [this] { return ended_ || (count_ == 0 && idle_); });
}

void Sink::close(Clock::time_point deadline) noexcept {
    std::unique_lock lock(mutex_);
    closing_ = true;
    deadline_ = deadline;
    changed_.notify_one();
    const auto has_ended = [this] { return ended_; };
    if (!ended_changed_.wait_until(lock, deadline + end_grace, has_ended)) {
        io::cancel_waits_of(thread_number_);
        ended_changed_.wait_for(lock, end_grace, has_ended);
    }
    const bool can_join = ended_;
    lock.unlock();
    if (can_join) {
        thread_.join();
    } else {
        // Nothing ends its write. It keeps this object and ends after that write.
        thread_.detach();
    }
}

bool Sink::should_give_up() noexcept {
    const std::scoped_lock lock(mutex_);
    return closing_ && Clock::now() >= deadline_;
}

// ---- the thread

void Sink::run() noexcept {
    base::name_this_thread("portico-log");
    io::take_write_errors_as_values();
    thread_number_ = io::this_thread_number();
    for (bool goes_on = true; goes_on;) {
        Work work = next();
        try {
            goes_on = carry_out(work) && !work.end;
        } catch (...) {
            count_lost();
        }
    }
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    ended_changed_.notify_all();
    idle_changed_.notify_all();
}

Sink::Work Sink::next() {
    std::unique_lock lock(mutex_);
    idle_ = true;
    idle_changed_.notify_all();
    const auto has_work = [this] { return count_ != 0 || reopen_ || closing_; };
    if (options_.file.empty()) {
        changed_.wait(lock, has_work);
    } else {
        changed_.wait_for(lock, name_check_interval, has_work);
    }
    idle_ = false;
    Work work;
    work.reopen = std::exchange(reopen_, false);
    if (count_ == 0) {
        work.end = closing_;
        return work;
    }
    // Lines that were lost before this one are reported before it.
    work.dropped = std::exchange(dropped_, 0);
    work.lost = std::exchange(lost_, 0);
    work.line = std::move(lines_[first_]);
    first_ = (first_ + 1) % lines_.size();
    --count_;
    return work;
}

// Returns false if the remaining lines are given up.
bool Sink::carry_out(const Work& work) {
    if (!options_.file.empty()) {
        follow_name(work.reopen);
    }
    const auto loss = [](std::uint64_t count, const char* why) {
        return std::to_string(count) + " lines of the log were dropped: " + why;
    };
    return (work.dropped == 0 || write_note(loss(work.dropped, "its queue was full"))) &&
           (work.lost == 0 || write_note(loss(work.lost, "out of memory"))) &&
           (work.line.empty() || write(work.line));
}

bool Sink::write_note(const std::string& text) {
    return write(format_line(std::chrono::system_clock::now(), base::LogLevel::warn, {}, 0, text));
}

void Sink::warn_elsewhere(const std::string& text) {
    if (options_.warn) {
        options_.warn(text);
    }
}

// A full disk loses lines. The console gets one warning; when lines can be written again, the
// console and the file get another. A closed console loses lines too, and there is no better place
// to say so.
bool Sink::write(const std::string& line) {
    using Outcome = LineWriter::Outcome;
    if (missing_ != 0 && options_.warn) {
        const std::string text = options_.key +
                                 " can be written again: " + std::to_string(missing_) +
                                 " lines are missing in it";
        const Outcome noted = writer_->append(
            format_line(std::chrono::system_clock::now(), base::LogLevel::warn, {}, 0, text));
        if (noted != Outcome::written) {
            ++missing_;
            return noted == Outcome::failed;
        }
        warn_elsewhere(text);
        missing_ = 0;
    }
    const Outcome outcome = writer_->append(line);
    if (outcome == Outcome::failed && ++missing_ == 1) {
        warn_elsewhere(options_.key + " cannot be written (" + writer_->error() +
                       "): lines will be missing in it");
    }
    return outcome != Outcome::given_up;
}

void Sink::follow_name(bool is_asked_for) {
    const auto now = Clock::now();
    if (!is_asked_for) {
        if (now < next_name_check_) {
            return;
        }
        next_name_check_ = now + name_check_interval;
        if (!writer_->was_moved()) {
            return;
        }
    }
    const base::Result<void> opened = writer_->reopen();
    if (!opened && !stays_with_old_) {
        warn_elsewhere(options_.key + ": " + opened.error() +
                       "; lines still go into the open file");
    }
    stays_with_old_ = !opened;
}

}  // namespace portico::log
