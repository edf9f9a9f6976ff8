#include "program/admin_command_line.hpp"

#include <utility>

namespace portico {

namespace {

CLI::App* add_admin_command(CLI::App& app, const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->fallthrough();  // --config may come after it too
    return command;
}

}  // namespace

AdminCommandLine::AdminCommandLine(CLI::App& app) {
    status_ = add_admin_command(app, "status", "Show what a running host does");
    status_->add_flag("--json", wanted_.json,
                      "As JSON, by the schema of docs/reference/status_json.md");
    drain_ = add_admin_command(app, "drain",
                               "Close a listener's port and ask its connections to end");
    drain_->add_option("listener", wanted_.listener, "The listener's name [all]")
        ->type_name("LISTENER");
    drain_->add_flag("--undo", wanted_.undo, "Listen again");
    log_level_ = add_admin_command(app, "log-level", "Change what a running host logs");
    log_level_->add_option("level", wanted_.level, "trace, debug, info, warn, error or off")
        ->type_name("LEVEL")
        ->required();
    reopen_log_ = add_admin_command(app, "reopen-log",
                                    "Open the log's files again, after they were renamed");
}

std::optional<int> AdminCommandLine::run(const std::string& configuration) {
    using Verb = AdminCommand::Verb;
    const std::pair<CLI::App*, Verb> verbs[] = {{status_, Verb::status},
                                                {drain_, Verb::drain},
                                                {log_level_, Verb::log_level},
                                                {reopen_log_, Verb::reopen_log}};
    for (const auto& [command, verb] : verbs) {
        if (command->parsed()) {
            wanted_.verb = verb;
            wanted_.configuration = configuration;
            return run_admin_command(wanted_);
        }
    }
    return std::nullopt;
}

}  // namespace portico
