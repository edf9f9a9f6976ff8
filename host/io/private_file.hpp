// Whether other accounts of this machine may read a file that holds a secret.
#pragma once

#include <string>

#include "base/result.hpp"

namespace portico::io {

// Succeeds if no account but the file's owner (and administrators) may read it. The error says who
// may, and the command that helps. `file`: UTF-8; it exists.
[[nodiscard]] base::Result<void> check_private(const std::string& file);

}  // namespace portico::io
