// Converts file names between UTF-8 text, which the program uses throughout, and
// std::filesystem::path, which is wide on Windows. Non-ASCII names work there only if files are
// opened through a path.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace portico::base {

// Throws std::system_error on Windows if the text is not UTF-8; elsewhere bytes are taken as they
// are.
[[nodiscard]] inline std::filesystem::path path_from_utf8(std::string_view text) {
    return std::filesystem::path(std::u8string(text.begin(), text.end()));
}

[[nodiscard]] inline std::string utf8_from_path(const std::filesystem::path& path) {
    const std::u8string text = path.u8string();
    return std::string(text.begin(), text.end());
}

}  // namespace portico::base
