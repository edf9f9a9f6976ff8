// The log on standard error and, when configured, in a file. Lines are queued and written by a thread of the log's own, so that a slow console or
// disk never slows a worker; when the queue is full the oldest lines are dropped, counted, and the count is written;
// so are lines for which there was no memory.
//
//     2026-01-31T12:00:00.123Z info listener=echo conn=2a text
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace portico::log {

class StreamLog final : public base::Log {
public:
    // Fails when the file cannot be opened (it is appended to), or the thread cannot be started.
    [[nodiscard]] static base::Result<std::unique_ptr<StreamLog>> open(const config::Log& options);
    // Whether open() would succeed, for a check: nothing is written, and a file that was not there is not there afterwards either.
    [[nodiscard]] static base::Result<void> try_file(const config::Log& options);
    // Writes what is queued.
    ~StreamLog();

    void write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
               std::string_view text) noexcept override;

    // Waits until what was queued before is written, for at most so long.
    void flush(std::chrono::milliseconds at_most) noexcept;

private:
    void count_lost() noexcept override;

    struct Writer;
    StreamLog(base::LogLevel level, std::unique_ptr<Writer> writer) noexcept;

    std::unique_ptr<Writer> writer_;
};

// "info" -> LogLevel::info; info for an unknown name.
[[nodiscard]] base::LogLevel level_from_name(std::string_view name) noexcept;

}  // namespace portico::log
