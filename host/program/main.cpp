// The host program: command line, signals, run. To serve it uses nothing but the embedding API.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "portico/server.hpp"
#include "program/admin_command_line.hpp"
#include "program/console.hpp"
#include "program/crash_report.hpp"
#include "program/exit_codes.hpp"
#include "program/new_plugin_command.hpp"
#include "program/plugin_commands.hpp"

namespace {

using portico::exit_done;
using portico::exit_failed;
using portico::exit_usage;

// Windows gives a process about 5 s after its console is closed. The host promises to use 3 s of
// them for the whole stop.
constexpr std::uint32_t hurried_drain_ms = 2'500;

constexpr std::size_t mistakes_shown_max = 50;

void print_error(std::string_view text) {
    std::fprintf(stderr, "host: %.*s\n", static_cast<int>(text.size()), text.data());
}

int report_errors(const portico::Server& server) {
    // One line above the limit is allowed: it may be the one that says how many are not shown.
    const std::vector<std::string>& errors = server.errors();
    const std::size_t shown = errors.size() <= mistakes_shown_max + 1 ? errors.size()
                                                                      : mistakes_shown_max;
    for (std::size_t i = 0; i < shown; ++i) {
        print_error(errors[i]);
    }
    if (shown < errors.size()) {
        print_error(std::to_string(errors.size() - shown) + " more mistakes not shown");
    }
    return exit_usage;
}

bool is_file(const std::string& path) {
    std::error_code code;
    return std::filesystem::is_regular_file(
        std::filesystem::path(std::u8string(path.begin(), path.end())), code);
}

// config/host.json of the working directory, else the one beside the program. Empty, with an error,
// if there is none.
std::string default_configuration() {
    std::string here = "config/host.json";
    const std::string program = portico::Server::program_directory();
    std::string beside = program + "/config/host.json";
    if (is_file(here)) {
        return here;
    }
    if (!program.empty() && is_file(beside)) {
        return beside;
    }
    print_error("no configuration: neither " + here + " nor " + beside +
                " exists. Name one with --config FILE");
    return {};
}

// Somebody may want nothing but the output, so it is an error if it does not arrive.
int end_of_output(int code) {
    errno = 0;
    if (portico::lacks_standard_output()) {
        errno = EBADF;
    } else if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.flush()) {
        return code;
    }
    print_error("standard output cannot be written: " + std::generic_category().message(errno));
    return exit_failed;
}

int check(const std::string& file, bool ports) {
    portico::Server server;
    if (!server.configure_file(file) || !server.check(ports)) {
        const int code = report_errors(server);
        const auto is_about_port = [](const std::string& error) {
            return error.find(": cannot listen on ") != std::string::npos;
        };
        if (ports && std::any_of(server.errors().begin(), server.errors().end(), is_about_port)) {
            print_error(
                "if a running host has these addresses, leave them out: host check --no-ports " +
                file);
        }
        return code;
    }
    std::printf("%s: fine%s\n", file.c_str(), ports ? "" : " (ports not tried)");
    return end_of_output(exit_done);
}

// Guesses what the first wrong argument was meant to be; empty if that is unclear.
std::string meant_by(const std::vector<std::string>& arguments) {
    constexpr std::string_view options[] = {"--config", "--no-ports", "--version",
                                            "--help",   "--json",     "--undo"};
    constexpr std::string_view commands[] = {"check", "status", "drain", "log-level", "reopen-log"};
    for (const std::string& argument : arguments) {
        if (argument == "verify" || argument == "plugins" || argument == "new-plugin") {
            return {};  // its own help says more
        }
    }
    bool has_command = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
        if (name == "--config") {
            i += name.size() == argument.size() ? 1 : 0;
        } else if (std::find(std::begin(options), std::end(options), argument) !=
                       std::end(options) ||
                   argument == "-h") {
            continue;
        } else if (argument.starts_with("-")) {
            for (const std::string_view option : options) {
                const bool is_short = name.size() == 2 && option[2] == name[1];
                if (is_short ||
                    (name.size() > 3 && (option.starts_with(name) || name.starts_with(option)))) {
                    return std::string(name) + ": did you mean " + std::string(option) + "?";
                }
            }
            return {};
        } else if (!has_command && std::find(std::begin(commands), std::end(commands), argument) !=
                                       std::end(commands)) {
            has_command = true;
        } else if (!has_command && (argument.ends_with(".json") || is_file(argument))) {
            return "to serve it: host --config " + argument + "; to check it: host check " +
                   argument;
        } else if (!has_command) {
            return "the commands are check, status, drain, log-level, reopen-log, verify, plugins "
                   "and new-plugin; without one, the host serves";
        }
    }
    return {};
}

int serve(const std::string& file) {
    portico::Server server;
    const portico::Requests requests([&server](portico::Request request) {
        if (request == portico::Request::reopen_log) {
            server.reopen_log();
            return;
        }
        if (request == portico::Request::stop_hurried) {
            server.limit_drain(hurried_drain_ms);
        }
        server.stop();
    });
    const bool is_configured = server.configure_file(file);
    const portico::CrashLog crash_log(server);
    const bool started = is_configured && server.start();
    const bool stuck = server.wait().stuck;
    if (!started && !stuck) {
        return report_errors(server);
    }
    if (stuck) {
        // The log has said why. Destructors might wait for the stuck callback, so none runs.
        std::_Exit(exit_failed);
    }
    return exit_done;
}

// CLI11 copies strings in noexcept functions, so if memory runs out while it parses, it calls
// std::terminate.
class OutOfMemoryOnTerminate {
public:
    OutOfMemoryOnTerminate() noexcept
        : before_(std::set_terminate([] {
              print_error("out of memory");
              portico::restore_console();
              std::_Exit(exit_failed);
          })) {}
    ~OutOfMemoryOnTerminate() { std::set_terminate(before_); }
    OutOfMemoryOnTerminate(const OutOfMemoryOnTerminate&) = delete;
    OutOfMemoryOnTerminate& operator=(const OutOfMemoryOnTerminate&) = delete;

private:
    std::terminate_handler before_;
};

int run(std::vector<std::string> arguments) {
    CLI::App app(
        "Portico: hosts network protocols as plugins.\n\n"
        "Without a command it serves what the configuration file says, until Ctrl-C or SIGTERM.",
        "host");
    // On Windows CLI11 takes "/name" for an option, but a path may begin so.
    app.allow_windows_style_options(false);
    app.set_version_flag("--version", std::string("portico ") + portico::Server::version());
    app.footer(
        "Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration, 130 second "
        "Ctrl-C.");
    std::string config;
    app.add_option("--config", config,
                   "Configuration file [config/host.json, or the one beside the program]")
        ->type_name("FILE");

    CLI::App* check_command = app.add_subcommand(
        "check", "Check everything that a start checks, without serving");
    check_command->fallthrough();  // --config may come after it too
    std::string check_file;
    bool no_ports = false;
    check_command->add_option("file", check_file, "Configuration file [as without a command]")
        ->type_name("FILE");
    check_command->add_flag("--no-ports", no_ports, "Do not try to listen on the addresses");

    portico::AdminCommandLine admin_commands(app);
    portico::PluginCommands plugin_commands(app);
    portico::NewPluginCommand new_plugin_command(app);
    app.require_subcommand(0, 1);

    arguments.erase(arguments.begin());
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes them
    try {
        const OutOfMemoryOnTerminate while_parsing;
        app.parse(reversed);
    } catch (const CLI::Success& asked) {  // --help, --version
        return end_of_output(app.exit(asked));
    } catch (const CLI::ParseError& error) {
        const std::string meant = meant_by(arguments);
        print_error(std::string(error.what()) + "\n" + (meant.empty() ? "" : meant + "\n") +
                    "see host --help");
        return exit_usage;
    }
    if (const std::optional<int> code = plugin_commands.run(config)) {
        return *code;
    }
    if (const std::optional<int> code = new_plugin_command.run()) {
        return end_of_output(*code);
    }
    if (!config.empty() && !check_file.empty()) {
        print_error("two configuration files: name one, after check or with --config");
        return exit_usage;
    }

    std::string file = check_command->parsed() && !check_file.empty() ? check_file : config;
    if (file.empty()) {
        file = default_configuration();
        if (file.empty()) {
            return exit_usage;
        }
    }
    if (const std::optional<int> code = admin_commands.run(file)) {
        return end_of_output(*code);
    }
    // (host verify has handlers of its own in its processes.)
    const portico::CrashReports crash_reports;
    return check_command->parsed() ? check(file, !no_ports) : serve(file);
}

}  // namespace

int main(int argc, char** argv) {
    portico::prepare_process();
    try {
        return run(portico::utf8_arguments(argc, argv));
    } catch (const std::bad_alloc&) {
        print_error("out of memory");
        return exit_failed;
    } catch (const std::exception& error) {
        print_error(error.what());
        return exit_failed;
    }
}
