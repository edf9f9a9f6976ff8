// The log on standard error and, when configured, in a file; access lines may have a file of their
// own. Each of them is a sink with a queue and a thread of its own (sink.hpp), so that a slow
// console or disk never slows a worker, nor the other one. Lines that a sink does not take are
// dropped and counted, and so are those for which there was no memory.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace portico::log {

class Sink;

class StreamLog final : public base::Log {
public:
    // Fails when a file cannot be opened (it is appended to), or a thread cannot be started.
    [[nodiscard]] static base::Result<std::unique_ptr<StreamLog>> open(const config::Log& options);
    // Whether open() would succeed, for a check: nothing is written, and a file that was not there
    // is not there afterwards either.
    [[nodiscard]] static base::Result<void> try_files(const config::Log& options);
    // Writes what is queued, for at most a second.
    ~StreamLog();

    void write(base::LogLevel level, std::string_view listener, std::uint64_t connection,
               std::string_view text) noexcept override;

    // [any thread] Opens the files again by their names, after somebody has renamed them.
    void reopen() noexcept;
    // Waits until what was queued before is written, for at most so long.
    void flush(std::chrono::milliseconds at_most) noexcept;

private:
    struct Sinks;

    StreamLog(base::LogLevel level, bool logs_access, std::unique_ptr<Sinks> sinks) noexcept;
    void count_lost() noexcept override;
    void write_access(std::string_view listener, std::uint64_t connection,
                      const base::Access& access) override;
    void put(const std::vector<std::shared_ptr<Sink>>& sinks, const std::string& line);
    void tell_others(const Sink& full);

    std::unique_ptr<Sinks> sinks_;
};

// "info" -> LogLevel::info; info for an unknown name.
[[nodiscard]] base::LogLevel level_from_name(std::string_view name) noexcept;

}  // namespace portico::log
