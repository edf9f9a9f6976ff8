// Limits of the process that bound how many sockets it can have, and where the process's program
// is.
#pragma once

#include <cstdint>
#include <string>

namespace portico::io {

// Raises the number of descriptors that the process may have as far as it may without privileges;
// the number that holds then. UINT64_MAX if there is no such limit (Windows).
std::uint64_t raise_descriptor_limit() noexcept;

// Absolute path of the running program's directory, UTF-8; empty if the system does not say.
[[nodiscard]] std::string program_directory();

}  // namespace portico::io
