// A run as one HTML page that needs nothing else: report.html, which is part of the program, with the run's JSON in it.
#pragma once

#include <string>
#include <string_view>

namespace portico::client {

// `json`: of json_report(). Throws std::bad_alloc.
[[nodiscard]] std::string html_report(std::string_view json);

}  // namespace portico::client
