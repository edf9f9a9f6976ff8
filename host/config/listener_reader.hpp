// The listeners of a configuration: each one's keys, and what must hold between them.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// `file` is what the settings say they were read from.
[[nodiscard]] std::vector<Listener> read_listeners(ObjectReader& root, const std::string& file,
                                                   Mistakes& mistakes);

}  // namespace portico::config
