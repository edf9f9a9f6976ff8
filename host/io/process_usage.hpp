// What this process uses of the system, as Prometheus' clients report it.
#pragma once

#include <cstdint>
#include <optional>

namespace portico::io {

// A member is empty if the system does not say.
struct ProcessUsage {
    std::optional<double> cpu_seconds;  // user and kernel mode
    std::optional<std::uint64_t> resident_bytes;
    // Linux: the size of the address space. Windows: memory that is committed to this process.
    std::optional<std::uint64_t> virtual_bytes;
    // Linux: open file descriptors, and the limit that holds now. Windows: open handles of every
    // kind, and the most that a process can have.
    std::optional<std::uint64_t> open_fds;
    std::optional<std::uint64_t> max_fds;
};

[[nodiscard]] ProcessUsage process_usage() noexcept;

// When the process was started, in seconds since 1970 in UTC. It does not change, so ask once.
[[nodiscard]] std::optional<double> process_start_seconds() noexcept;

}  // namespace portico::io
