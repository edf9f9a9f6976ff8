// A Windows command line cut into arguments, as the C library does it. Windows has a function for
// this, in a library (SHELL32) that loads the windowing system with it: a console program that has
// that loaded is no longer told that the user logs off or that the machine shuts down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portico::base {

// The program's name first. Spaces and tabs separate arguments but inside quotes. A quote after 2n
// backslashes gives n backslashes and begins or ends quoting; after 2n + 1, n backslashes and a
// quote. Other backslashes are themselves, and so is a doubled quote inside quotes, once. In the
// program's name no backslash is special.
[[nodiscard]] std::vector<std::wstring> split_command_line(std::wstring_view line);

}  // namespace portico::base
