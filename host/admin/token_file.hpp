// The token that requests to the admin endpoint must bring, in a file that only the host's account
// may read.
#pragma once

#include <string>

#include "base/result.hpp"

namespace portico::admin {

// The file's only line. Fails if the file cannot be read, other accounts may read it, or what it
// holds is no token: 16 to 1,024 printable ASCII characters without spaces.
[[nodiscard]] base::Result<std::string> read_token(const std::string& file);

}  // namespace portico::admin
