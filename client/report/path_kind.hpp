// The kind of file that an output path leads to.
#pragma once

#include <cstdint>
#include <filesystem>

namespace portico::client {

// `link` may lead to any of the others; `other` is a device or a pipe.
enum class PathKind : std::uint8_t { absent, plain_file, folder, link, other };
[[nodiscard]] PathKind kind_of(const std::filesystem::path& path) noexcept;

}  // namespace portico::client
