// A run as JSON: docs/reference/client_json.md explains each member. The report's page contains the
// same JSON.
#pragma once

#include <string>

#include "report/run_record.hpp"

namespace portico::client {

// ASCII, one object, ended by a newline. Throws std::bad_alloc.
[[nodiscard]] std::string json_report(const RunRecord& record);

}  // namespace portico::client
