#include "log/stream_log.hpp"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#define SPDLOG_LEVEL_NAMES \
    { "trace", "debug", "info", "warn", "error", "critical", "off" }
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "base/path_text.hpp"
#include "log/line_file.hpp"

namespace portico::log {

namespace {

constexpr std::size_t text_max = 4'096;

void append_escaped(std::string& line, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    for (const char c : text.substr(0, text_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            line += c;
        } else {
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        }
    }
    if (text.size() > text_max) {
        line += "...";
    }
}

spdlog::level::level_enum spdlog_level(base::LogLevel level) noexcept {
    switch (level) {
        case base::LogLevel::trace: return spdlog::level::trace;
        case base::LogLevel::debug: return spdlog::level::debug;
        case base::LogLevel::info: return spdlog::level::info;
        case base::LogLevel::warn: return spdlog::level::warn;
        case base::LogLevel::error: return spdlog::level::err;
        case base::LogLevel::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

// Writes lines to standard error and the file; used by the pool's one thread alone, but for count_lost().
class Sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit Sink(std::unique_ptr<LineFile> file) : file_(std::move(file)) {}

    // Before the first line: where dropped lines are counted. No owner, not for a moment: the last one would end the pool, and so join its thread, which
    // is the one that writes here. The pool's end waits for that thread, so it is there.
    void count_drops_of(spdlog::details::thread_pool& pool) noexcept { pool_ = &pool; }

    // From any thread: how many times everything that was queued before had been written.
    [[nodiscard]] std::uint32_t flushes() const noexcept { return flushes_.load(std::memory_order_acquire); }

    // A line was lost, for want of memory. From any thread.
    void count_lost() noexcept { lost_.fetch_add(1, std::memory_order_relaxed); }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        try {
            tell_loss(pool_->overrun_counter(), told_dropped_, "its queue was full");
            tell_loss(lost_.load(std::memory_order_relaxed), told_lost_, "out of memory");
            put(format(message, line_));
        } catch (...) {
            count_lost();  // what spdlog would do about it allocates
        }
    }
    void flush_() override { flushes_.fetch_add(1, std::memory_order_release); }

private:
    using Line = spdlog::memory_buf_t;

    void tell_loss(std::size_t lost, std::size_t& told, const char* why) {
        if (lost != told) {
            put(say(std::to_string(lost - told) + " lines of the log were dropped: " + why, line_));
            told = lost;
        }
    }

    const Line& format(const spdlog::details::log_msg& message, Line& line) {
        line.clear();
        formatter_->format(message, line);
        return line;
    }
    // A line of the log's own.
    const Line& say(const std::string& text, Line& line) {
        return format(spdlog::details::log_msg(spdlog::log_clock::now(), {}, {}, spdlog::level::warn, text), line);
    }

    void put(const Line& line) {
        if (file_ != nullptr) {
            put_in_file(line);
        }
        put_on_console(line);
    }
    // A closed console loses lines; there is no better place to say so.
    static void put_on_console(const Line& line) {
        std::fwrite(line.data(), 1, line.size(), stderr);
        std::fflush(stderr);
    }
    // A full disk loses lines: the console is told once, and both when lines can be written again.
    void put_in_file(const Line& line) {
        if (missing_ != 0) {
            const Line& note = say("log.file can be written again: " + std::to_string(missing_) + " lines are missing in it", note_);
            if (!file_->append({note.data(), note.size()})) {
                ++missing_;
                return;
            }
            put_on_console(note);
            missing_ = 0;
        }
        if (!file_->append({line.data(), line.size()})) {
            missing_ = 1;
            put_on_console(say("log.file cannot be written (" + file_->error() + "): lines will be missing in it", note_));
        }
    }

    std::unique_ptr<LineFile> file_;
    std::uint64_t missing_ = 0;  // in the file, up to now
    Line line_;
    Line note_;
    spdlog::details::thread_pool* pool_ = nullptr;
    std::atomic<std::size_t> lost_{0};
    std::atomic<std::uint32_t> flushes_{0};
    std::size_t told_dropped_ = 0;
    std::size_t told_lost_ = 0;
};

}  // namespace

// Destroyed in reverse: the logger first; then the pool, which writes what is queued and joins its thread.
struct StreamLog::Writer {
    std::shared_ptr<Sink> sink;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

base::LogLevel level_from_name(std::string_view name) noexcept {
    constexpr std::pair<std::string_view, base::LogLevel> names[] = {
        {"trace", base::LogLevel::trace}, {"debug", base::LogLevel::debug}, {"info", base::LogLevel::info},
        {"warn", base::LogLevel::warn},   {"error", base::LogLevel::error}, {"off", base::LogLevel::off},
    };
    for (const auto& [known, level] : names) {
        if (known == name) {
            return level;
        }
    }
    return base::LogLevel::info;
}

base::Result<std::unique_ptr<StreamLog>> StreamLog::open(const config::Log& options) {
    std::unique_ptr<LineFile> file;
    if (!options.file.empty()) {
        base::Result<std::unique_ptr<LineFile>> opened = LineFile::open(options.file);
        if (!opened) {
            return base::Failure{"log.file: " + opened.error()};
        }
        file = std::move(*opened);
    }
    auto writer = std::make_unique<Writer>();
    writer->sink = std::make_shared<Sink>(std::move(file));
    writer->sink->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc, "\n"));
    // An own pool and logger, in no registry: two servers in a process share nothing.
    try {
        writer->pool = std::make_shared<spdlog::details::thread_pool>(options.queue, 1);
    } catch (const std::system_error& error) {
        return base::Failure{"cannot start the log's thread: " + error.code().message()};
    }
    writer->sink->count_drops_of(*writer->pool);
    writer->logger = std::make_shared<spdlog::async_logger>("", writer->sink, writer->pool, spdlog::async_overflow_policy::overrun_oldest);
    // Where a line cannot be queued or written; spdlog's own answer is a line on standard error.
    writer->logger->set_error_handler([sink = writer->sink.get()](const std::string&) { sink->count_lost(); });
    const base::LogLevel level = level_from_name(options.level);
    writer->logger->set_level(spdlog_level(level));
    return std::unique_ptr<StreamLog>(new StreamLog(level, std::move(writer)));
}

base::Result<void> StreamLog::try_file(const config::Log& options) {
    if (options.file.empty()) {
        return {};
    }
    const std::filesystem::path path = base::path_from_utf8(options.file);
    std::error_code code;
    const bool was_there = std::filesystem::exists(std::filesystem::symlink_status(path, code));
    if (const base::Result<std::unique_ptr<LineFile>> opened = LineFile::open(options.file); !opened) {
        return base::Failure{"log.file: " + opened.error()};
    }
    if (!was_there) {
        std::filesystem::remove(path, code);
    }
    return {};
}

StreamLog::StreamLog(base::LogLevel level, std::unique_ptr<Writer> writer) noexcept : base::Log(level), writer_(std::move(writer)) {}

StreamLog::~StreamLog() = default;

void StreamLog::write(base::LogLevel level, std::string_view listener, std::uint64_t connection, std::string_view text) noexcept {
    if (!enabled(level)) {
        return;
    }
    try {
        std::string line;
        line.reserve(text.size() + 64);
        if (!listener.empty()) {
            line += "listener=";
            append_escaped(line, listener);
            line += ' ';
        }
        if (connection != 0) {
            char number[24];
            std::snprintf(number, sizeof number, "conn=%llx ", static_cast<unsigned long long>(connection));
            line += number;
        }
        append_escaped(line, text);
        writer_->logger->log(spdlog_level(level), spdlog::string_view_t(line));
    } catch (...) {
        count_lost();
    }
}

void StreamLog::flush(std::chrono::milliseconds at_most) noexcept {
    const std::uint32_t before = writer_->sink->flushes();
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    try {
        writer_->logger->flush();
    } catch (...) {
        return;
    }
    while (writer_->sink->flushes() == before && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void StreamLog::count_lost() noexcept {
    writer_->sink->count_lost();
}

}  // namespace portico::log
