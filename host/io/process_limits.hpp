// The process's limit on descriptors, which bounds its sockets, and the directory of its program.
#pragma once

#include <cstdint>
#include <string>

namespace portico::io {

// Raises the process's limit on descriptors as far as it may without privileges. Returns the limit
// that then holds; UINT64_MAX if there is none (Windows).
std::uint64_t raise_descriptor_limit() noexcept;

// The number by which the system knows this process.
[[nodiscard]] std::uint32_t process_id() noexcept;

// Absolute path of the running program's directory, UTF-8; empty if the system does not say.
[[nodiscard]] std::string program_directory();

}  // namespace portico::io
