#include "program/plugin_commands.hpp"

#include <sstream>

#include "portico/server.hpp"

namespace portico {

namespace {

std::vector<std::size_t> numbers_of(const std::string& list) {
    std::vector<std::size_t> numbers;
    if (list == "none") {
        return numbers;
    }
    std::istringstream words(list);
    for (std::string word; std::getline(words, word, ',');) {
        numbers.push_back(static_cast<std::size_t>(std::stoull(word)));
    }
    return numbers;
}

}  // namespace

PluginCommands::PluginCommands(CLI::App& app) {
    verify_ = app.add_subcommand("verify",
                                 "Check that a plugin holds, whatever the network and the host do");
    verify_->fallthrough();  // --config may come after it too
    verify_->add_option("plugin", options_.plugin, "A plugin's file, or its name in plugins")
        ->required()
        ->type_name("PLUGIN");
    verify_->add_option("--script", options_.script, "What to say to it (JSON) [a few messages]")
        ->type_name("FILE");
    verify_->add_option("--seeds", options_.seeds, "Random worlds [200]")->type_name("N");
    verify_->add_option("--seed", options_.seed, "The first one's seed [1]")->type_name("S");
    verify_->add_option("--json", options_.json, "Write the results there too; -: nothing else")
        ->type_name("FILE");
    verify_->add_flag("--in-process", options_.in_process,
                      "Run all checks in this process, for a debugger");
    verify_->footer(
        "Exit codes: 0 everything passes, 1 a check has failed, 2 no such plugin, "
        "script or configuration.");
    // For its calls of itself.
    constexpr char hidden[] = "";
    verify_->add_option("--check", options_.check)->group(hidden);
    verify_->add_option("--result", options_.result)->group(hidden);
    verify_->add_option("--kept", kept_)->group(hidden);
    verify_->add_option("--plugin-directory", options_.plugin_directory)->group(hidden);

    plugins_ = app.add_subcommand("plugins", "List the plugins of a folder");
    plugins_->add_option("directory", directory_, "[plugins, beside the program]")
        ->type_name("DIRECTORY");
}

std::optional<int> PluginCommands::run(const std::string& config) {
    if (!plugins_->parsed() && !verify_->parsed()) {
        return std::nullopt;
    }
    const std::string beside = Server::program_directory() + "/plugins";
    if (plugins_->parsed()) {
        return verify::list_plugins(directory_.empty() ? beside : directory_);
    }
    options_.config = config;
    if (options_.plugin_directory.empty()) {
        options_.plugin_directory = beside;
    }
    if (!kept_.empty()) {
        options_.kept = numbers_of(kept_);
    }
    return verify::verify(options_);
}

}  // namespace portico
