// What the program `host` ends with. (130: a second Ctrl-C, in console_*.cpp.)
#pragma once

namespace portico {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  // while running
inline constexpr int exit_usage = 2;   // or a wrong configuration

}  // namespace portico
