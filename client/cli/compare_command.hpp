// `client compare A B`: two files of --json, or two live servers that are run in turn.
#pragma once

#include <atomic>
#include <ostream>
#include <span>
#include <string>

namespace portico::client {

// `arguments` in UTF-8, those after "compare". Writes results to `out`, errors and progress to
// `err`. Returns the exit code.
[[nodiscard]] int run_compare(std::span<const std::string> arguments, std::ostream& out,
                              std::ostream& err, std::atomic<bool>& interrupt);

}  // namespace portico::client
