// The commands that look at plugins: `host verify` and `host plugins`.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "verify/command.hpp"

namespace portico {

class PluginCommands {
public:
    // Adds them to the program's commands. `app` outlives this.
    explicit PluginCommands(CLI::App& app);

    // After the parse: the exit code of the one that was asked for; nothing if none was. `config`:
    // of --config.
    [[nodiscard]] std::optional<int> run(const std::string& config);

private:
    CLI::App* verify_ = nullptr;
    CLI::App* plugins_ = nullptr;
    verify::VerifyOptions options_;
    std::string kept_;       // numbers with commas, or "none"
    std::string directory_;  // of `plugins`
};

}  // namespace portico
