// A line of the log as one JSON object. docs/reference/log.md has the members. It is valid UTF-8,
// whatever bytes a plugin logs: what is not becomes U+FFFD.
//
//     {"time":"2026-01-31T12:00:00.123Z","type":"log","level":"info","listener":"echo",
//      "connection":"2a","text":"text"}
#pragma once

#include <string>
#include <string_view>

#include "base/log.hpp"
#include "log/line_format.hpp"

namespace portico::log {

// Append the object, without a newline; it has none in it either.
void append_json_line(std::string& out, bool has_time, const LineHead& head, std::string_view text);
void append_json_access(std::string& out, bool has_time, const LineHead& head,
                        const base::Access& access);

// Appends the text as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace portico::log
