// The status of a running host for a person: what "host status" prints.
#pragma once

#include <string>
#include <string_view>

namespace portico {

// `json`: an answer of /api/status. Empty if it is none.
[[nodiscard]] std::string status_table(std::string_view json);

}  // namespace portico
