// Writes the project of a new plugin, from the templates of sdk/templates, which are part of the
// program.
#pragma once

#include <string>

#include "base/result.hpp"

namespace portico::project {

enum class Language { c, cpp, rust };

struct Project {
    std::string name;  // mistake_in_plugin_name() finds nothing in it
    Language language = Language::c;
    std::string directory;  // of the project: it must not exist, or be empty
    std::string sdk;        // the prefix of its installation, absolute, with slashes
    std::string programs;   // the folder of host and client, absolute, with slashes
    std::string version;    // of Portico
};

// The words with which a shell starts a program of that folder: portico or portico-client if it is
// the one of the Debian package.
[[nodiscard]] std::string command_of(const std::string& programs, const std::string& program);

// All of it or nothing: it is written beside `directory`, and then gets its name. An error names
// the folder or file.
[[nodiscard]] base::Result<void> write_project(const Project& project);

}  // namespace portico::project
