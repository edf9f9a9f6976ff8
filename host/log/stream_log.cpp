#include "log/stream_log.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#define SPDLOG_LEVEL_NAMES {"trace", "debug", "info", "warn", "error", "critical", "off"}
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "base/path_text.hpp"
#include "io/error.hpp"

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

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

File open_to_append(const std::string& name) {
    const std::filesystem::path path = base::path_from_utf8(name);
#ifdef _WIN32
    return File(::_wfopen(path.c_str(), L"ab"));
#else
    return File(std::fopen(path.c_str(), "ab"));
#endif
}

base::Failure cannot_open(const std::string& name) {
    return base::Failure{"cannot open the log file \"" + name + "\": " + std::generic_category().message(errno)};
}

// Writes lines to standard error and the file; used by the pool's one thread alone.
class Sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit Sink(File file) : file_(std::move(file)) {}

    // Before the first line: where dropped lines are counted.
    void count_drops_of(std::weak_ptr<spdlog::details::thread_pool> pool) { pool_ = std::move(pool); }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (const auto pool = pool_.lock(); pool != nullptr && pool->overrun_counter() != dropped_) {
            const std::size_t dropped = pool->overrun_counter();
            const std::string text = std::to_string(dropped - dropped_) + " lines of the log were dropped: its queue was full";
            dropped_ = dropped;
            put(spdlog::details::log_msg(message.time, {}, {}, spdlog::level::warn, text));
        }
        put(message);
    }
    void flush_() override {}

private:
    void put(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        // A full disk or a closed console loses lines; there is no better place to say so.
        std::fwrite(line.data(), 1, line.size(), stderr);
        std::fflush(stderr);
        if (file_ != nullptr) {
            std::fwrite(line.data(), 1, line.size(), file_.get());
            std::fflush(file_.get());
        }
    }

    File file_;
    std::weak_ptr<spdlog::details::thread_pool> pool_;
    std::size_t dropped_ = 0;
};

}  // namespace

// Destroyed in reverse: the logger first; then the pool, which writes what is queued and joins its thread.
struct StreamLog::Writer {
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
    File file;
    if (!options.file.empty()) {
        file = open_to_append(options.file);
        if (file == nullptr) {
            return cannot_open(options.file);
        }
    }
    auto sink = std::make_shared<Sink>(std::move(file));
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc,
                                                                    "\n"));
    auto writer = std::make_unique<Writer>();
    // An own pool and logger, in no registry: two servers in a process share nothing.
    writer->pool = std::make_shared<spdlog::details::thread_pool>(options.queue, 1);
    sink->count_drops_of(writer->pool);
    writer->logger = std::make_shared<spdlog::async_logger>("", std::move(sink), writer->pool,
                                                            spdlog::async_overflow_policy::overrun_oldest);
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
    if (File file = open_to_append(options.file); file == nullptr) {
        return cannot_open(options.file);
    }
    if (!was_there) {
        std::filesystem::remove(path, code);
    }
    return {};
}

StreamLog::StreamLog(base::LogLevel level, std::unique_ptr<Writer> writer) noexcept
    : base::Log(level), writer_(std::move(writer)) {}

StreamLog::~StreamLog() = default;

void StreamLog::write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
                      std::string_view text) noexcept {
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
        // Out of memory: this line is lost, the server goes on.
    }
}

}  // namespace portico::log
