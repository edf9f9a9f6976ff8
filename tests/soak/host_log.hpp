// The host's log, read through a named pipe as it is written. A line for each client would fill a
// disk in a long soak: those are counted alone.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace portico::soak {

class HostLog {
public:
    // `pipe` is made, and is what the host is to write to; the lines are also in `file`.
    HostLog(const std::string& pipe, const std::string& file);
    // After the end of the process that writes.
    ~HostLog();
    HostLog(const HostLog&) = delete;
    HostLog& operator=(const HostLog&) = delete;

    // The first line that contains `text`, or an empty one.
    [[nodiscard]] std::string line_with(const std::string& text) const;
    [[nodiscard]] std::vector<std::string> lines_with(const std::string& text) const;
    [[nodiscard]] std::string last_line() const;
    [[nodiscard]] std::uint64_t clients() const;

private:
    void read(const std::string& pipe, const std::string& file);

    mutable std::mutex mutex_;
    std::vector<std::string> lines_;  // under mutex_
    std::uint64_t clients_ = 0;       // under mutex_
    std::thread reader_;
};

}  // namespace portico::soak
