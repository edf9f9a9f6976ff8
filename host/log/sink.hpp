// Lines go to a sink: standard error or a file. Each sink has a queue and a thread of its own, so
// that none holds up another one or the writers. A full queue drops its oldest lines and reports
// later how many it dropped. The thread takes all lines that wait and writes them together. Lines
// that need not be there at once, one for each connection, wait until there are several.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/result.hpp"
#include "log/line_format.hpp"
#include "log/line_queue.hpp"
#include "log/line_writer.hpp"
#include "log/rotation.hpp"

namespace portico::log {

class Sink {
public:
    struct Options {
        std::string key;   // its key in the configuration, "log.file"; empty: standard error
        std::string file;  // in UTF-8; empty: standard error
        std::uint32_t queue = 1;
        LineFormat format;
        Rotation rotation;
        // Gets the warnings that the file cannot take; empty for standard error. [any thread]
        std::function<void(const std::string&)> warn;
    };
    // Fails if the file cannot be opened or the thread cannot be started. The thread shares it,
    // because close() leaves the thread alone if it is still in a write at the deadline.
    [[nodiscard]] static base::Result<std::shared_ptr<Sink>> open(Options options);
    ~Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    enum class Urgency : std::uint8_t {
        soon,  // within 50 ms
        now,
    };
    // [any thread] Queues a line with its newline, in this sink's format. True: it dropped an older
    // line, for the first time since that was last reported.
    [[nodiscard]] bool put(std::string_view line, Urgency urgency) noexcept;
    // [any thread] The same for a warning of the log's own.
    bool warn(std::string_view text) noexcept;
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
    [[nodiscard]] LineFormat format() const noexcept { return options_.format; }

    // [any thread] Lines that it lacks, since it was opened: its queue was full, they could not be
    // written, or memory ran out.
    [[nodiscard]] std::uint64_t lines_missing() noexcept;

private:
    // What the thread waits for.
    enum class Waiting : std::uint8_t {
        nothing,  // it is at work
        line,
        hurry,  // it has lines, and waits for others
    };
    struct Work {
        std::uint64_t dropped = 0;
        std::uint64_t lost = 0;
        bool reopen = false;
        bool end = false;
    };

    explicit Sink(Options options) : options_(std::move(options)), queue_(options_.queue) {}
    [[nodiscard]] bool has_work() const noexcept;
    [[nodiscard]] bool hurries() const noexcept;
    void run() noexcept;
    [[nodiscard]] Work next();
    void wait_for_lines(std::unique_lock<std::mutex>& lock);
    template <class Action>
    void try_to(Action&& action) noexcept;
    [[nodiscard]] bool carry_out(const Work& work) noexcept;
    [[nodiscard]] bool write(std::string_view lines) noexcept;
    [[nodiscard]] bool note_loss(std::uint64_t count, const char* why) noexcept;
    [[nodiscard]] LineWriter::Outcome note_missing() noexcept;
    void line_failed() noexcept;
    [[nodiscard]] std::string warning(std::string_view text) const;
    void warn_elsewhere(const std::string& text);
    void follow_name(bool is_asked_for);
    void report_rotation();
    [[nodiscard]] bool should_give_up() noexcept;

    const Options options_;

    // ---- the thread's own
    std::unique_ptr<LineWriter> writer_;
    std::string lines_;            // that it writes
    std::uint64_t missing_ = 0;    // lines that the file lacks, since it was last reported
    bool stays_with_old_ = false;  // it could not be opened again, which was said
    bool is_too_large_ = false;    // it could not be rotated, which was said
    std::chrono::steady_clock::time_point next_name_check_{};  // of the file's name

    std::mutex mutex_;
    // ---- under mutex_
    std::condition_variable changed_;  // there is work
    std::condition_variable ended_changed_;
    std::condition_variable idle_changed_;
    Waiting waiting_ = Waiting::nothing;
    bool idle_ = true;  // the thread is writing no line
    LineQueue queue_;
    bool hurry_ = false;         // a line in it, or a flush, should not wait
    std::uint64_t dropped_ = 0;  // since it was last reported
    std::uint64_t lost_ = 0;     // likewise
    std::uint64_t all_missing_ = 0;
    bool reopen_ = false;
    bool closing_ = false;
    bool ended_ = false;
    std::chrono::steady_clock::time_point deadline_{};  // of closing

    std::thread thread_;
    std::atomic<std::uint32_t> thread_number_{0};
};

}  // namespace portico::log
