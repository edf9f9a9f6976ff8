// Which names a plugin's project may have. The name becomes a file's on every system, a target of
// CMake, a crate of Rust and a plugin's name in a configuration, so it must suit all of them.
#pragma once

#include <string>
#include <string_view>

namespace portico::project {

inline constexpr std::size_t plugin_name_max = 64;

// What is wrong with the name, as a sentence that says what to do. Empty if it is fine: 1 to 64 of
// a-z, 0-9 and _, the first one a letter, and not a word that a system or a tool has taken.
[[nodiscard]] std::string mistake_in_plugin_name(std::string_view name);

}  // namespace portico::project
