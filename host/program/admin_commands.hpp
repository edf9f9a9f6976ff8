// The commands that talk to a running host: status, drain, log-level, reopen-log. They find its
// admin endpoint, and the token, in its configuration.
#pragma once

#include <string>

namespace portico {

struct AdminCommand {
    enum class Verb { status, drain, log_level, reopen_log };

    Verb verb = Verb::status;
    std::string configuration;  // the file
    std::string listener;       // drain; empty: all
    bool undo = false;          // drain
    std::string level;          // log_level
    bool json = false;          // print the host's answer as it is
};

// Prints the answer to standard output, or the error to standard error. Returns the program's exit
// code: 0 done, 1 the host does not answer or refuses, 2 the configuration is wrong or has no
// "admin".
[[nodiscard]] int run_admin_command(const AdminCommand& command);

}  // namespace portico
