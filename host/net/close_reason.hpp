// The reasons why a connection closes, and their names in the log and in metrics.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portico::net {

// The reason why a connection was closed. The numbers are the plugin ABI's.
enum class CloseReason : std::uint8_t {
    none = 0,
    plugin = 1,
    peer = 2,
    reset = 3,
    error = 4,
    plugin_error = 5,
    idle = 6,
    half_close = 7,
    frame = 8,
    unconsumed = 9,
    drain = 10,
    drain_deadline = 11,
    no_memory = 12,
    connect_failed = 13,
    connect_timeout = 14,
};
inline constexpr std::size_t close_reasons = 15;

[[nodiscard]] const char* to_string(CloseReason reason) noexcept;
// A word for programs: "peer", "plugin_error".
[[nodiscard]] const char* name_of(CloseReason reason) noexcept;

}  // namespace portico::net
