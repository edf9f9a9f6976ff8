// Cuts a Windows command line into arguments as the C library does. Windows has a function for
// this, but its library (SHELL32) loads the windowing system, and a console program with that
// loaded no longer learns that the user logs off or that the machine shuts down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portico::base {

// The program's name comes first. Spaces and tabs outside quotes separate arguments. A quote after
// 2n backslashes gives n backslashes and begins or ends quoting; after 2n + 1 it gives n
// backslashes and a quote. Other backslashes stand for themselves. Inside quotes a doubled quote is
// one quote. In the program's name no backslash is special.
[[nodiscard]] std::vector<std::wstring> split_command_line(std::wstring_view line);

}  // namespace portico::base
