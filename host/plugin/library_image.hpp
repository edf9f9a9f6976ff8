// What a library's file says of itself, read without loading it: ELF on Linux, PE on Windows.
// Nothing in the file is believed: every offset is held against the file's size.
#pragma once

#include <string>
#include <vector>

namespace portico::plugin {

// What is wrong with the file, as far as the system's loader would not survive it or has no good
// word for it; empty when nothing is. "it is cut short: ...", "built for another processor (...)".
[[nodiscard]] std::string fault_of_library(const std::string& path);

struct Needs {
    std::vector<std::string> libraries;  // files by their bare names, in the order of the file
    // Linux: further folders in which they are looked for, relative to the library's own ("deps"
    // for an rpath of $ORIGIN/deps); none of them leads upwards.
    std::vector<std::string> folders;
};
// Nothing of a file that cannot be understood.
[[nodiscard]] Needs needs_of_library(const std::string& path);

}  // namespace portico::plugin
