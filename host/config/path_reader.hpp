// Reads the name of a file or folder.
#pragma once

#include <string>
#include <string_view>

#include "config/schema_reader.hpp"

namespace portico::config {

// Makes `out` absolute. `file`: of the configuration, where relative paths start. `what`: "a file's
// name". An empty text means the default, like an absent key.
void read_path(ObjectReader& reader, std::string_view key, std::string_view what,
               const std::string& file, std::string& out);

}  // namespace portico::config
