// The commands that look at plugins: `host verify` and `host plugins`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portico::verify {

struct VerifyOptions {
    std::string plugin;            // a path, or the name of a file in `plugin_directory`
    std::string plugin_directory;  // absolute
    std::string script;            // files; empty: none
    std::string config;
    std::string json;  // "-": standard output, in the place of the table
    std::uint32_t seeds = 200;
    std::uint64_t seed = 1;
    bool in_process = false;
    // For the program's calls of itself: the check to run, where its result goes, and what is left
    // of a random world.
    std::string check;
    std::string result;
    std::optional<std::vector<std::size_t>> kept;
};

// Exit codes: 0 everything passes, 1 a check has failed, 2 there is no such plugin, script or
// configuration.
[[nodiscard]] int verify(const VerifyOptions& options);

// Lists the plugins of a directory. Exit codes: 0, or 2 if it cannot be read.
[[nodiscard]] int list_plugins(const std::string& directory);

}  // namespace portico::verify
