#include "log/stream_log.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/path_text.hpp"
#include "log/line_format.hpp"
#include "log/sink.hpp"

namespace portico::log {

namespace {

// What the end may take if somebody does not read what is written.
constexpr auto last_lines_within = std::chrono::seconds(1);

}  // namespace

struct StreamLog::Sinks {
    // The console comes first: the others have it to say there what they cannot write.
    std::vector<std::shared_ptr<Sink>> all;

    ~Sinks() {
        const auto deadline = std::chrono::steady_clock::now() + last_lines_within;
        for (; !all.empty(); all.pop_back()) {
            all.back()->close(deadline);
        }
    }
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
    auto sinks = std::make_unique<Sinks>();
    sinks->all.reserve(2);
    const auto add = [&](std::string key, const std::string& file) -> base::Result<void> {
        base::Result<std::shared_ptr<Sink>> opened =
            Sink::open({std::move(key), file, options.queue, sinks->all.empty() ? nullptr : sinks->all.front()});
        if (!opened) {
            return base::Failure{opened.error()};
        }
        sinks->all.push_back(std::move(*opened));
        return {};
    };
    if (const base::Result<void> added = add("", ""); !added) {
        return base::Failure{added.error()};
    }
    if (!options.file.empty()) {
        if (const base::Result<void> added = add("log.file", options.file); !added) {
            return base::Failure{added.error()};
        }
    }
    return std::unique_ptr<StreamLog>(new StreamLog(level_from_name(options.level), std::move(sinks)));
}

base::Result<void> StreamLog::try_file(const config::Log& options) {
    if (options.file.empty()) {
        return {};
    }
    const std::filesystem::path path = base::path_from_utf8(options.file);
    std::error_code code;
    const bool was_there = std::filesystem::exists(std::filesystem::symlink_status(path, code));
    if (const base::Result<std::unique_ptr<io::AppendFile>> opened = io::AppendFile::open(options.file); !opened) {
        return base::Failure{"log.file: " + opened.error()};
    }
    if (!was_there) {
        std::filesystem::remove(path, code);
    }
    return {};
}

StreamLog::StreamLog(base::LogLevel level, std::unique_ptr<Sinks> sinks) noexcept : base::Log(level), sinks_(std::move(sinks)) {}

StreamLog::~StreamLog() = default;

void StreamLog::write(base::LogLevel level, std::string_view listener, std::uint64_t connection, std::string_view text) noexcept {
    if (!enabled(level)) {
        return;
    }
    try {
        const std::string line = format_line(std::chrono::system_clock::now(), level, listener, connection, text);
        for (const std::shared_ptr<Sink>& sink : sinks_->all) {
            if (sink->put(line)) {
                tell_others(*sink);
            }
        }
    } catch (...) {
        count_lost();
    }
}

// A sink that nobody reads says nothing about it itself.
void StreamLog::tell_others(const Sink& full) {
    const std::string line = format_line(std::chrono::system_clock::now(), base::LogLevel::warn, {}, 0,
                                         full.name() + " takes no more lines: the oldest that wait for it are dropped");
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        if (sink.get() != &full) {
            static_cast<void>(sink->put(line));
        }
    }
}

void StreamLog::reopen() noexcept {
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        sink->reopen();
    }
}

void StreamLog::count_lost() noexcept {
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        sink->count_lost();
    }
}

}  // namespace portico::log
