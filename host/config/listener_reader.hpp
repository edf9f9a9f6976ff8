// Reads the listeners of a configuration: the keys of each, and the rules between them.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// `file` goes into the settings, for their errors.
[[nodiscard]] std::vector<Listener> read_listeners(ObjectReader& root, const std::string& file,
                                                   Mistakes& mistakes);

}  // namespace portico::config
