// The format of a line of the log:
//
//     2026-01-31T12:00:00.123Z info listener=echo conn=2a text
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.hpp"

namespace portico::log {

// Returns it with its newline. Control bytes are escaped, and the text is cut at 4,096 bytes.
[[nodiscard]] std::string format_line(std::chrono::system_clock::time_point time,
                                      base::LogLevel level, std::string_view listener,
                                      std::uint64_t connection, std::string_view text);

// The text alone, escaped and cut in the same way.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace portico::log
