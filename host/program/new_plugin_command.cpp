#include "program/new_plugin_command.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/path_text.hpp"
#include "portico/server.hpp"
#include "program/exit_codes.hpp"
#include "project/new_project.hpp"
#include "project/plugin_name.hpp"

namespace portico {

namespace {

namespace fs = std::filesystem;

int print_error(int code, const std::string& text) {
    std::fprintf(stderr, "host: %s\n", text.c_str());
    return code;
}

// With slashes on Windows too, so that CMake, Cargo and every shell take it.
std::string with_slashes(const fs::path& path) {
    const std::u8string text = path.generic_u8string();
    return std::string(text.begin(), text.end());
}

bool has_sdk(const fs::path& prefix) {
    std::error_code code;
    return fs::exists(prefix / "lib" / "cmake" / "portico" / "portico-config.cmake", code);
}

// The prefix of the SDK that was installed with this program, as Debian's packages and
// `cmake --install` do it (the program is in lib/portico), or unpacked with it (in sdk). Empty if
// there is none.
fs::path find_sdk(const fs::path& programs) {
    for (const fs::path& prefix : {programs.parent_path().parent_path(), programs / "sdk"}) {
        if (has_sdk(prefix)) {
            return prefix;
        }
    }
    return {};
}

// What to do next, in the order in which it is done.
void print_next(const project::Project& made) {
    const bool is_quoted = made.directory.find(' ') != std::string::npos;
    const std::string folder = is_quoted ? "\"" + made.directory + "\"" : made.directory;
    std::printf("%s: made. Build it, and test it, in a simulated world and over sockets:\n",
                made.directory.c_str());
    std::printf("    cd %s\n", folder.c_str());
    if (made.language == project::Language::rust) {
        std::printf("    cargo test --offline\n");
    } else {
        std::printf("    cmake -B build\n    cmake --build build\n");
        std::printf("    ctest --test-dir build --output-on-failure\n");
    }
    std::printf("Then serve it: %s --config host.json\nREADME.md there says more.\n",
                project::command_of(made.programs, "host").c_str());
}

}  // namespace

NewPluginCommand::NewPluginCommand(CLI::App& app) {
    command_ = app.add_subcommand("new-plugin", "Make a project for a new plugin");
    command_->add_option("name", name_, "The plugin's name: a-z, 0-9 and _")
        ->required()
        ->type_name("NAME");
    command_->add_flag("--c", is_c_, "In C");
    command_->add_flag("--cpp", is_cpp_, "In C++");
    command_->add_flag("--rust", is_rust_, "In Rust");
    command_->add_option("--directory", directory_, "The project's folder: new, or empty [./NAME]")
        ->type_name("DIR");
    command_
        ->add_option("--sdk", sdk_, "Where the SDK is installed [where this program was installed]")
        ->type_name("PREFIX");
    command_->footer("Exit codes: 0 done, 1 it could not be written, 2 wrong usage.");
}

std::optional<int> NewPluginCommand::run() {
    if (!command_->parsed()) {
        return std::nullopt;
    }
    if (const std::string mistake = project::mistake_in_plugin_name(name_); !mistake.empty()) {
        return print_error(exit_usage, mistake);
    }
    if ((is_c_ ? 1 : 0) + (is_cpp_ ? 1 : 0) + (is_rust_ ? 1 : 0) != 1) {
        return print_error(exit_usage, "name one language: --c, --cpp or --rust");
    }
    const fs::path programs = base::path_from_utf8(Server::program_directory());
    fs::path sdk = find_sdk(programs);
    if (!sdk_.empty()) {
        sdk = fs::absolute(base::path_from_utf8(sdk_)).lexically_normal();
        if (!has_sdk(sdk)) {
            return print_error(exit_usage, "there is no SDK in " + sdk_ + ": " + with_slashes(sdk) +
                                               "/lib/cmake/portico is missing");
        }
    }
    project::Project made;
    made.name = name_;
    made.language = is_c_     ? project::Language::c
                    : is_cpp_ ? project::Language::cpp
                              : project::Language::rust;
    made.directory = directory_.empty() ? name_ : directory_;
    made.sdk = sdk.empty() ? "/usr" : with_slashes(sdk);
    made.programs = with_slashes(programs);
    made.version = Server::version();
    if (base::Result<void> written = project::write_project(made); !written) {
        return print_error(exit_failed, written.error());
    }
    print_next(made);
    if (sdk.empty()) {
        std::printf(
            "(No SDK is installed with this host. The project looks for it in %s; --sdk "
            "names another place.)\n",
            made.sdk.c_str());
    }
    return exit_done;
}

}  // namespace portico
