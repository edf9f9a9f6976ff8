// One check, in the process that was made for it.
#pragma once

#include <string>

#include "verify/command.hpp"
#include "verify/report.hpp"
#include "verify/subject.hpp"

namespace portico::verify {

// Runs the check with that name, and returns a report with its result alone. "tables" is a check
// too; "actions" lists those of the seed's random world, as notes.
[[nodiscard]] Report checked(const Prepared& prepared, const std::string& check);

// The whole of such a process: its exit code.
[[nodiscard]] int run_as_child(const VerifyOptions& options);

}  // namespace portico::verify
