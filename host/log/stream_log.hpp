// The log goes to standard error, or to a function of the program instead, and, if configured, to a
// file. Access lines may have a file of their own. Each of these is a sink with a queue and a
// thread of its own (sink.hpp), so that a slow console or disk slows neither a worker nor another
// sink. Lines that a sink does not take are dropped and counted, and so are lines for which memory
// ran out.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "log/function_sink.hpp"
#include "log/line_format.hpp"
#include "log/recent_warnings.hpp"

namespace portico::log {

class Sink;

class StreamLog final : public base::Log {
public:
    // Appends to the files. A `function` gets the lines that standard error would get. Fails if a
    // file cannot be opened or a thread cannot be started.
    [[nodiscard]] static base::Result<std::unique_ptr<StreamLog>> open(
        const config::Log& options, FunctionSink::Function function = {});
    // Finds out for a check whether open() would succeed. Writes nothing and leaves no new file.
    [[nodiscard]] static base::Result<void> try_files(const config::Log& options);
    // Writes what is queued, for at most a second.
    ~StreamLog();

    void write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
               std::string_view text) noexcept override;

    // [any thread] From now on lines of this level and above are written. Access lines in a file of
    // their own do not depend on it.
    void set_level(base::LogLevel level) noexcept;
    // [any thread] The last lines at the levels warn and error, oldest first.
    [[nodiscard]] std::vector<Line> warnings() const { return warnings_.lines(); }

    // [any thread] Opens the files again by their names, after somebody has renamed them.
    void reopen() noexcept;
    // [any thread] Lines that a place lacks to which they should have gone: its queue was full, it
    // could not be written, or memory ran out. A line that two places lack counts twice.
    [[nodiscard]] std::uint64_t lines_missing() const noexcept;
    // Waits until the queued lines are written, but no longer than `at_most`.
    void flush(std::chrono::milliseconds at_most) noexcept;
    // Passes no more lines to the function. Waits until a call of it has returned.
    void end_function() noexcept;

private:
    struct Sinks;

    StreamLog(base::LogLevel level, bool wants_access, std::unique_ptr<Sinks> sinks) noexcept;
    // Access lines are written, if they are wanted, like others of the level info, or to their own
    // file.
    [[nodiscard]] static bool logs_access_at(base::LogLevel level, bool wants_access,
                                             const Sinks& sinks) noexcept;
    void count_lost() noexcept override;
    void write_access(std::string_view listener, std::uint64_t connection,
                      const base::Access& access) override;
    void write_function(const LineHead& head, std::string_view text);
    void warn_others(const Sink& full);

    const bool wants_access_;
    RecentWarnings warnings_;
    std::unique_ptr<Sinks> sinks_;
};

// "info" -> LogLevel::info. Nothing for an unknown name.
[[nodiscard]] std::optional<base::LogLevel> level_from_name(std::string_view name) noexcept;

}  // namespace portico::log
