// The time of a line: RFC 3339 in UTC, with milliseconds, "2026-01-31T12:00:00.123Z".
#pragma once

#include <chrono>
#include <string>

namespace portico::log {

void append_time(std::string& line, std::chrono::system_clock::time_point time);

}  // namespace portico::log
