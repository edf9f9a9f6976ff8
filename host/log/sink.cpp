#include "log/sink.hpp"

#include <system_error>
#include <utility>

#include "base/thread_name.hpp"

namespace portico::log {

namespace {

using Clock = std::chrono::steady_clock;

// Log rotation renames the file and expects lines under the old name within a second.
constexpr auto name_check_interval = std::chrono::milliseconds(500);
// Lines that need not be there at once wait this long for others, unless half of the queue is full:
// to wake the thread and to write cost several times what making the line does.
constexpr auto gather_time = std::chrono::milliseconds(50);
// Memory above this is given back after so many lines have waited.
constexpr std::size_t lines_bytes_kept = 1U << 20;
// The time that a thread gets to notice that it should end.
constexpr auto end_grace = std::chrono::milliseconds(100);

}  // namespace

base::Result<std::shared_ptr<Sink>> Sink::open(Options options) {
    const std::shared_ptr<Sink> sink(new Sink(std::move(options)));
    base::Result<std::unique_ptr<LineWriter>> opened = LineWriter::open(
        sink->options_.file, sink->options_.rotation,
        [raw = sink.get()] { return raw->should_give_up(); });
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

bool Sink::put(std::string_view line, Urgency urgency) noexcept {
    std::unique_lock lock(mutex_);
    if (closing_) {
        return false;
    }
    bool is_first_drop = false;
    try {
        if (queue_.push(line)) {
            is_first_drop = ++dropped_ == 1;
            ++all_missing_;
        }
    } catch (...) {
        ++lost_;
        ++all_missing_;
    }
    hurry_ = hurry_ || urgency == Urgency::now;
    if ((waiting_ == Waiting::line && has_work()) || (waiting_ == Waiting::hurry && hurries())) {
        waiting_ = Waiting::nothing;
        lock.unlock();
        changed_.notify_one();
    }
    return is_first_drop;
}

bool Sink::warn(std::string_view text) noexcept {
    try {
        return put(warning(text), Urgency::now);
    } catch (...) {
        count_lost();
        return false;
    }
}

void Sink::count_lost() noexcept {
    const std::scoped_lock lock(mutex_);
    ++lost_;
    ++all_missing_;
}

std::uint64_t Sink::lines_missing() noexcept {
    const std::scoped_lock lock(mutex_);
    return all_missing_;
}

void Sink::reopen() noexcept {
    const std::scoped_lock lock(mutex_);
    reopen_ = true;
    changed_.notify_one();
}

void Sink::flush(Clock::time_point deadline) noexcept {
    std::unique_lock lock(mutex_);
    hurry_ = true;
    changed_.notify_one();
    idle_changed_.wait_until(lock, deadline,
                             [this] { return ended_ || (queue_.count() == 0 && idle_); });
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
        const Work work = next();
        goes_on = carry_out(work) && !work.end;
    }
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    ended_changed_.notify_all();
    idle_changed_.notify_all();
}

bool Sink::has_work() const noexcept {
    return queue_.count() != 0 || reopen_ || closing_;
}

bool Sink::hurries() const noexcept {
    return hurry_ || reopen_ || closing_ || queue_.count() >= queue_.lines_max() / 2;
}

// Waits for the first line, and then for others that come soon.
void Sink::wait_for_lines(std::unique_lock<std::mutex>& lock) {
    waiting_ = Waiting::line;
    if (options_.file.empty()) {
        changed_.wait(lock, [this] { return has_work(); });
    } else {
        changed_.wait_for(lock, name_check_interval, [this] { return has_work(); });
    }
    if (has_work() && !hurries()) {
        waiting_ = Waiting::hurry;
        changed_.wait_for(lock, gather_time, [this] { return hurries(); });
    }
    waiting_ = Waiting::nothing;
}

Sink::Work Sink::next() {
    if (lines_.capacity() > lines_bytes_kept) {
        lines_ = std::string();
    }
    std::unique_lock lock(mutex_);
    idle_ = true;
    idle_changed_.notify_all();
    wait_for_lines(lock);
    idle_ = false;
    hurry_ = false;
    Work work;
    work.reopen = std::exchange(reopen_, false);
    lines_.clear();
    if (queue_.count() == 0) {
        work.end = closing_;
        return work;
    }
    // Lines that were lost before these are reported before them.
    work.dropped = std::exchange(dropped_, 0);
    work.lost = std::exchange(lost_, 0);
    queue_.take(lines_);
    return work;
}

// For what takes memory. If there is none, a line of the log's own is lost, and no other one.
template <class Action>
void Sink::try_to(Action&& action) noexcept {
    try {
        action();
    } catch (...) {
        count_lost();
    }
}

// Returns false if the remaining lines are given up.
bool Sink::carry_out(const Work& work) noexcept {
    if (!options_.file.empty()) {
        try_to([&] { follow_name(work.reopen); });
    }
    const bool goes_on = note_loss(work.dropped, "its queue was full") &&
                         note_loss(work.lost, "out of memory") && write(lines_);
    try_to([&] { report_rotation(); });
    return goes_on;
}

bool Sink::note_loss(std::uint64_t count, const char* why) noexcept {
    bool goes_on = true;
    if (count != 0) {
        try_to([&] {
            goes_on = write(
                warning(std::to_string(count) + " lines of the log were dropped: " + why));
        });
    }
    return goes_on;
}

std::string Sink::warning(std::string_view text) const {
    std::string line;
    append_line(line, options_.format,
                {std::chrono::system_clock::now(), base::LogLevel::warn, {}, 0}, text);
    return line;
}

void Sink::warn_elsewhere(const std::string& text) {
    if (options_.warn) {
        options_.warn(text);
    }
}

// A full disk loses lines. The console gets one warning; when lines can be written again, the
// console and the file get another. A closed console loses lines too, and there is no better place
// to say so.
bool Sink::write(std::string_view lines) noexcept {
    using Outcome = LineWriter::Outcome;
    while (!lines.empty()) {
        Outcome outcome = note_missing();
        if (outcome == Outcome::written) {
            const LineWriter::Appended appended = writer_->append(lines);
            lines.remove_prefix(appended.bytes);
            outcome = appended.outcome;
        }
        if (outcome == Outcome::given_up) {
            return false;
        }
        if (outcome == Outcome::failed) {
            lines.remove_prefix(lines.find('\n') + 1);
            line_failed();
        }
    }
    return true;
}

LineWriter::Outcome Sink::note_missing() noexcept {
    LineWriter::Outcome outcome = LineWriter::Outcome::written;
    if (missing_ == 0 || !options_.warn) {
        return outcome;
    }
    try_to([&] {
        const std::string text = options_.key +
                                 " can be written again: " + std::to_string(missing_) +
                                 " lines are missing in it";
        outcome = writer_->append(warning(text)).outcome;
        if (outcome == LineWriter::Outcome::written) {
            missing_ = 0;
            warn_elsewhere(text);
        }
    });
    return outcome;
}

void Sink::line_failed() noexcept {
    {
        const std::scoped_lock lock(mutex_);
        ++all_missing_;
    }
    if (++missing_ == 1) {
        try_to([&] {
            warn_elsewhere(options_.key + " cannot be written (" + writer_->error() +
                           "): lines will be missing in it");
        });
    }
}

// Said once, until it has succeeded.
void Sink::report_rotation() {
    const std::string& error = writer_->rotation_error();
    if (!error.empty() && !is_too_large_) {
        warn_elsewhere(options_.key + " cannot be rotated (" + error +
                       "): it grows beyond log.rotate.max_bytes");
    }
    is_too_large_ = !error.empty();
}

void Sink::follow_name(bool is_asked_for) {
    const auto now = Clock::now();
    if (!is_asked_for) {
        // Another process may rotate the file at any time, and remove it a second time later.
        if (now < next_name_check_ && options_.rotation.max_bytes == 0) {
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
