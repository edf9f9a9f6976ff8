// Reads a whole file that the command line names, such as a script.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace portico::client {

// Returns a file's bytes. `path` in UTF-8. Fails with a sentence that names the file if it cannot
// be read or has more than `bytes_max` bytes.
[[nodiscard]] base::Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max);

}  // namespace portico::client
