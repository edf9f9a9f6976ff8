// Reads a configuration: JSON in, a Config or all its mistakes out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace portico::config {

struct Loaded {
    Config config;
    // One line each, ready for a person: "FILE:LINE: PATH: what was found, what was expected".
    // Empty: `config` is valid.
    std::vector<std::string> mistakes;
};

// `file` is UTF-8. A syntax error is reported alone, other mistakes all at once.
[[nodiscard]] Loaded load_file(const std::string& file);

// The same for a text. `file` is used in messages, and its directory for relative paths.
[[nodiscard]] Loaded load_text(std::string_view text, const std::string& file);

}  // namespace portico::config
