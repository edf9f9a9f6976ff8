// A run, or a comparison, as one HTML page that needs no other file: report.html or
// comparison.html, which are part of the program, with the JSON in it.
#pragma once

#include <string>
#include <string_view>

namespace portico::client {

// `json` comes from json_report(). Throws std::bad_alloc.
[[nodiscard]] std::string html_report(std::string_view json);

// `json` comes from comparison_json(). Throws std::bad_alloc.
[[nodiscard]] std::string html_comparison(std::string_view json);

}  // namespace portico::client
