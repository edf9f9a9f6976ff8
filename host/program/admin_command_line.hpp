// The commands for a running host, as the command line names them.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "program/admin_commands.hpp"

namespace portico {

class AdminCommandLine {
public:
    // Adds them to the program's commands. `app` outlives this.
    explicit AdminCommandLine(CLI::App& app);

    // After the parse: the exit code of the one that was asked for; nothing if none was.
    // `configuration`: the file.
    [[nodiscard]] std::optional<int> run(const std::string& configuration);

private:
    AdminCommand wanted_;
    CLI::App* status_ = nullptr;
    CLI::App* drain_ = nullptr;
    CLI::App* log_level_ = nullptr;
    CLI::App* reopen_log_ = nullptr;
};

}  // namespace portico
