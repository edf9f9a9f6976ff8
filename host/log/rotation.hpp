// Renames a file and those before it, as its size asks for: FILE.1 becomes FILE.2 and so on, and
// FILE becomes FILE.1. Only whoever holds the lock of FILE does that (io::AppendFile::try_lock).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace portico::log {

struct Rotation {
    std::uint64_t max_bytes = 0;  // of a file; 0: it is not rotated
    std::uint32_t keep = 1;       // older files, at least 1
};

// `name` in UTF-8. Files move on to the first number that is free, and FILE.keep is removed if
// none is. On failure the name leads to the same file as before.
[[nodiscard]] base::Result<void> shift_files(const std::string& name, std::uint32_t keep);

// Renames FILE.1 back after shift_files().
void take_back(const std::string& name) noexcept;

// Gives the new file the permissions of FILE.1, as far as the system allows it.
void take_permissions(const std::string& name) noexcept;

}  // namespace portico::log
