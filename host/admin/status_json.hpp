// The status and the list of connections as JSON: docs/reference/status_json.md.
#pragma once

#include <string>

#include "admin/status.hpp"

namespace portico::admin {

// `now`: when the snapshot was taken.
[[nodiscard]] std::string status_json(const Status& status, Time now);
[[nodiscard]] std::string connections_json(const ConnectionPage& page, Time now);

// "2026-01-31T12:00:00.250Z"
[[nodiscard]] std::string utc_text(Time time);

// 16 hexadecimal digits.
[[nodiscard]] std::string id_text(std::uint64_t connection);

[[nodiscard]] const char* level_text(base::LogLevel level) noexcept;

}  // namespace portico::admin
