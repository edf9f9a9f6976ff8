#include "log/stream_log.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/path_text.hpp"
#include "log/access_line.hpp"
#include "log/line_format.hpp"
#include "log/sink.hpp"

namespace portico::log {

namespace {

// The longest time that closing takes, even if nobody reads the log.
constexpr auto close_timeout = std::chrono::seconds(1);

// Queues a line at each sink. `make` appends it in a format; once for those that have the same.
// Returns a sink that has begun to drop lines, or null.
template <class Make>
const Sink* put(const std::vector<std::shared_ptr<Sink>>& sinks, Sink::Urgency urgency,
                Make&& make) {
    std::string line;
    const Sink* made_for = nullptr;
    const Sink* full = nullptr;
    for (const std::shared_ptr<Sink>& sink : sinks) {
        if (made_for == nullptr || made_for->format() != sink->format()) {
            line.clear();
            make(line, sink->format());
            made_for = sink.get();
        }
        if (sink->put(line, urgency)) {
            full = sink.get();
        }
    }
    return full;
}

}  // namespace

struct StreamLog::Sinks {
    // The console comes first, unless there is a function. The other sinks warn there of lines that
    // they cannot write.
    std::vector<std::shared_ptr<Sink>> all;
    std::vector<std::shared_ptr<Sink>> lines;   // where lines go
    std::vector<std::shared_ptr<Sink>> access;  // where access lines go; empty: with the lines
    // A sink's thread that cannot be ended may still warn, so it shares this.
    std::shared_ptr<FunctionSink> function;

    ~Sinks() {
        const auto deadline = std::chrono::steady_clock::now() + close_timeout;
        for (; !all.empty(); all.pop_back()) {
            all.back()->close(deadline);
        }
        if (function != nullptr) {
            function->close(deadline);
        }
    }

    // Where a file's sink says what it cannot write into the file.
    std::function<void(const std::string&)> warn() const {
        if (function != nullptr) {
            return [to = function](const std::string& text) { to->put(warning(text)); };
        }
        return [to = all.front()](const std::string& text) { static_cast<void>(to->warn(text)); };
    }

    static Line warning(const std::string& text) {
        Line line;
        line.level = base::LogLevel::warn;
        line.time = std::chrono::system_clock::now();
        line.text = text;
        return line;
    }

    base::Result<void> add(std::vector<std::shared_ptr<Sink>>& to, std::string key,
                           const std::string& file, const config::Log& options) {
        all.reserve(all.size() + 1);
        to.reserve(to.size() + 1);
        Sink::Options made{std::move(key), file, options.queue, {}, {}, {}};
        made.format.kind = options.json ? LineFormat::Kind::json : LineFormat::Kind::text;
        if (file.empty()) {
            made.format.is_journal = io::standard_error_is_journal();
        } else {
            made.rotation = {options.rotate_max_bytes, options.rotate_keep};
            made.warn = warn();
        }
        base::Result<std::shared_ptr<Sink>> opened = Sink::open(std::move(made));
        if (!opened) {
            return base::Failure{opened.error()};
        }
        all.push_back(*opened);
        to.push_back(*opened);
        return {};
    }

    // Standard error, or the function in its place.
    base::Result<void> add_first(FunctionSink::Function&& given, const config::Log& options) {
        if (!given) {
            return add(lines, "", "", options);
        }
        base::Result<std::shared_ptr<FunctionSink>> opened = FunctionSink::open(std::move(given),
                                                                                options.queue);
        if (!opened) {
            return base::Failure{opened.error()};
        }
        function = *opened;
        return {};
    }
};

std::optional<base::LogLevel> level_from_name(std::string_view name) noexcept {
    constexpr std::pair<std::string_view, base::LogLevel> names[] = {
        {"trace", base::LogLevel::trace}, {"debug", base::LogLevel::debug},
        {"info", base::LogLevel::info},   {"warn", base::LogLevel::warn},
        {"error", base::LogLevel::error}, {"off", base::LogLevel::off},
    };
    for (const auto& [known, level] : names) {
        if (known == name) {
            return level;
        }
    }
    return std::nullopt;
}

base::Result<std::unique_ptr<StreamLog>> StreamLog::open(const config::Log& options,
                                                         FunctionSink::Function function) {
    auto sinks = std::make_unique<Sinks>();
    base::Result<void> added = sinks->add_first(std::move(function), options);
    if (added && !options.file.empty()) {
        added = sinks->add(sinks->lines, "log.file", options.file, options);
    }
    if (added && !options.access_file.empty()) {
        added = sinks->add(sinks->access, "log.access", options.access_file, options);
    }
    if (!added) {
        return base::Failure{added.error()};
    }
    return std::unique_ptr<StreamLog>(
        new StreamLog(level_from_name(options.level).value_or(base::LogLevel::info), options.access,
                      std::move(sinks)));
}

base::Result<void> StreamLog::try_files(const config::Log& options) {
    const std::pair<std::string, const std::string*> files[] = {
        {"log.file", &options.file}, {"log.access", &options.access_file}};
    for (const auto& [key, file] : files) {
        if (file->empty()) {
            continue;
        }
        const std::filesystem::path path = base::path_from_utf8(*file);
        std::error_code code;
        const bool was_there = std::filesystem::exists(std::filesystem::symlink_status(path, code));
        if (const base::Result<std::unique_ptr<io::AppendFile>> opened = io::AppendFile::open(
                *file);
            !opened) {
            return base::Failure{key + ": " + opened.error()};
        }
        if (!was_there) {
            std::filesystem::remove(path, code);
        }
    }
    return {};
}

StreamLog::StreamLog(base::LogLevel level, bool wants_access, std::unique_ptr<Sinks> sinks) noexcept
    : base::Log(level, logs_access_at(level, wants_access, *sinks)),
      wants_access_(wants_access),
      sinks_(std::move(sinks)) {}

bool StreamLog::logs_access_at(base::LogLevel level, bool wants_access,
                               const Sinks& sinks) noexcept {
    return !sinks.access.empty() || (wants_access && level <= base::LogLevel::info);
}

void StreamLog::set_level(base::LogLevel level) noexcept {
    change_level(level, logs_access_at(level, wants_access_, *sinks_));
}

StreamLog::~StreamLog() = default;

void StreamLog::write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
                      std::string_view text) noexcept {
    if (!enabled(level)) {
        return;
    }
    try {
        const LineHead head{std::chrono::system_clock::now(), level, listener, connection};
        if (level == base::LogLevel::warn || level == base::LogLevel::error) {
            warnings_.add(head, text);
        }
        write_function(head, text);
        const Sink* full = put(
            sinks_->lines, Sink::Urgency::now,
            [&](std::string& line, LineFormat format) { append_line(line, format, head, text); });
        if (full != nullptr) {
            warn_others(*full);
        }
    } catch (...) {
        count_lost();
    }
}

void StreamLog::write_access(std::string_view listener, std::uint64_t connection,
                             const base::Access& access) {
    const LineHead head{std::chrono::system_clock::now(), base::LogLevel::info, listener,
                        connection};
    const bool is_apart = !sinks_->access.empty();
    if (!is_apart && sinks_->function != nullptr) {
        write_function(head, access_text(access));
    }
    const Sink* full = put(is_apart ? sinks_->access : sinks_->lines, Sink::Urgency::soon,
                           [&](std::string& line, LineFormat format) {
                               append_access_line(line, format, head, access);
                           });
    if (full != nullptr) {
        warn_others(*full);
    }
}

void StreamLog::write_function(const LineHead& head, std::string_view text) {
    if (sinks_->function != nullptr) {
        sinks_->function->put(line_of(head, text));
    }
}

// A sink that nobody reads cannot warn of that itself.
void StreamLog::warn_others(const Sink& full) {
    const std::string text = full.name() +
                             " takes no more lines: the oldest waiting ones are dropped";
    for (const std::shared_ptr<Sink>& sink : sinks_->lines) {
        if (sink.get() != &full) {
            static_cast<void>(sink->warn(text));
        }
    }
    if (sinks_->function != nullptr) {
        sinks_->function->put(Sinks::warning(text));
    }
}

std::uint64_t StreamLog::lines_missing() const noexcept {
    std::uint64_t missing = sinks_->function != nullptr ? sinks_->function->lines_missing() : 0;
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        missing += sink->lines_missing();
    }
    return missing;
}

void StreamLog::reopen() noexcept {
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        sink->reopen();
    }
}

void StreamLog::flush(std::chrono::milliseconds at_most) noexcept {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        sink->flush(deadline);
    }
    if (sinks_->function != nullptr) {
        sinks_->function->flush(deadline);
    }
}

void StreamLog::end_function() noexcept {
    if (sinks_->function != nullptr) {
        sinks_->function->close(std::chrono::steady_clock::now());
    }
}

void StreamLog::count_lost() noexcept {
    for (const std::shared_ptr<Sink>& sink : sinks_->all) {
        sink->count_lost();
    }
    if (sinks_->function != nullptr) {
        sinks_->function->count_lost();
    }
}

}  // namespace portico::log
