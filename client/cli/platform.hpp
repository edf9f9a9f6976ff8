// The few things that each system does in its own way: the command line and console as UTF-8,
// Ctrl-C, and the limit of descriptors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace portico::client {

// The arguments after the program's name, in UTF-8.
[[nodiscard]] std::vector<std::string> command_line(int argc, char** argv);

// Call it once, before anything is opened or printed. On Windows it sets the console to UTF-8 until
// the program ends. On Linux it opens /dev/null for a standard stream that the program was started
// without, so that no socket gets its number. Returns whether there is a standard output.
[[nodiscard]] bool prepare_console();

[[nodiscard]] bool input_is_terminal() noexcept;
[[nodiscard]] bool output_is_terminal() noexcept;
[[nodiscard]] bool error_output_is_terminal() noexcept;

// The width of the terminal that the output, or else the error output, goes to; 0 if neither is
// one.
[[nodiscard]] std::size_t terminal_columns() noexcept;

// One line of standard input in UTF-8 without its end; false at the end of the input.
[[nodiscard]] bool read_line(std::string& line);

// From now on the first Ctrl-C (or SIGTERM) sets `flag`; the second ends the process.
void set_on_interrupt(std::atomic<bool>& flag) noexcept;

// Raises the limit of open descriptors as far as the system allows. Returns the limit; UINT64_MAX
// for none.
[[nodiscard]] std::uint64_t raise_descriptor_limit() noexcept;

}  // namespace portico::client
