// Reads what a library's file says about itself without loading it: ELF on Linux, PE on Windows.
// Nothing in the file is trusted: every offset is compared with the file's size.
#pragma once

#include <string>
#include <vector>

namespace portico::plugin {

// Says what is wrong with the file if the system's loader would crash on it or has no good message
// for it; else empty. "it is cut short: ...", "it is built for another processor (...)".
[[nodiscard]] std::string fault_of_library(const std::string& path);

struct Needs {
    std::vector<std::string> libraries;  // files by their bare names, in the order of the file
    // Linux: more folders to search, relative to the library's own ("deps" for an rpath of
    // $ORIGIN/deps). None of them leads upwards.
    std::vector<std::string> folders;
};
// Empty if the file cannot be understood.
[[nodiscard]] Needs needs_of_library(const std::string& path);

}  // namespace portico::plugin
