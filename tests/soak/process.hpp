// Processes that the soak and chaos start: the host, whose resources /proc tells, and clients.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portico::soak {

class Process {
public:
    // Both streams go to `output`. Nothing but the standard streams is handed down. Ends the
    // program when it cannot be started.
    Process(const std::vector<std::string>& command, const std::string& output);
    // Kills it when it still runs.
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    // Its exit code (128 and more: the signal that ended it), or nothing when it does not end in
    // time.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);

    struct Resources {
        std::uint64_t descriptors = 0;
        std::uint64_t threads = 0;
        std::uint64_t memory_kib = 0;  // resident and its own: neither files nor what it shares
        friend bool operator==(const Resources&, const Resources&) = default;
    };
    [[nodiscard]] Resources resources() const;

private:
    const pid_t pid_;
    std::optional<int> code_;
};

[[nodiscard]] std::string text_of_file(const std::string& name);

}  // namespace portico::soak
