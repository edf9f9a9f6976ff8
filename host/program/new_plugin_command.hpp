// The command `host new-plugin`.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace portico {

class NewPluginCommand {
public:
    // Adds it to the program's commands. `app` outlives this.
    explicit NewPluginCommand(CLI::App& app);

    // After the parse: the exit code; nothing if the command was not asked for.
    [[nodiscard]] std::optional<int> run();

private:
    CLI::App* command_ = nullptr;
    std::string name_;
    std::string directory_;
    std::string sdk_;
    bool is_c_ = false;
    bool is_cpp_ = false;
    bool is_rust_ = false;
};

}  // namespace portico
