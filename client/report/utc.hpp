// An instant in the form that the files of --json use.
#pragma once

#include <ctime>
#include <string>

namespace portico::client {

// "2026-01-31T12:00:00Z".
[[nodiscard]] std::string utc_text(std::time_t instant);

}  // namespace portico::client
