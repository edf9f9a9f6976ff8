// A run as JSON: docs/reference/client_json.md says what each member means. The report's page
// carries the same.
#pragma once

#include <string>

#include "report/run_record.hpp"

namespace portico::client {

// ASCII, one object, ended by a newline. Throws std::bad_alloc.
[[nodiscard]] std::string json_report(const RunRecord& record);

}  // namespace portico::client
