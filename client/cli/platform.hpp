// The few things that the systems do each in its own way: the command line and console as UTF-8,
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

// Once, before anything is opened or printed: a Windows console is told that text is UTF-8, until
// the program ends; on Linux a standard stream that the program was started without leads nowhere,
// where else its number would be a socket's. Whether there is a standard output.
[[nodiscard]] bool prepare_console();

[[nodiscard]] bool input_is_terminal() noexcept;
[[nodiscard]] bool output_is_terminal() noexcept;
[[nodiscard]] bool error_output_is_terminal() noexcept;

// How wide the terminal is that the output, or else the error output, goes to; 0 if neither is
// one.
[[nodiscard]] std::size_t terminal_columns() noexcept;

// One line of standard input in UTF-8 without its end; false at the end of the input.
[[nodiscard]] bool read_line(std::string& line);

// From now on the first Ctrl-C (or SIGTERM) sets `flag`; the second ends the process.
void set_on_interrupt(std::atomic<bool>& flag) noexcept;

// Raises the limit of open descriptors as far as the system allows. What it is now; UINT64_MAX for
// none.
[[nodiscard]] std::uint64_t raise_descriptor_limit() noexcept;

}  // namespace portico::client
