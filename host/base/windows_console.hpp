// Windows: the command line and the console in UTF-8, for both programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portico::base {

[[nodiscard]] std::string to_utf8(std::wstring_view wide);

// The process's command line, the program's name first.
[[nodiscard]] std::vector<std::string> utf8_arguments();

// Tells the console that output is UTF-8. exit() and the end of main() undo that.
void begin_utf8_output() noexcept;

// Restores the code page that begin_utf8_output() found. Call it before the process ends without
// exit(). From any thread.
void end_utf8_output() noexcept;

}  // namespace portico::base
