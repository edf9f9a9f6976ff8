#include "log/rotation.hpp"

#include <filesystem>
#include <system_error>

#include "base/path_text.hpp"

namespace portico::log {

namespace {

namespace fs = std::filesystem;

fs::path numbered(const std::string& name, std::uint32_t number) {
    return base::path_from_utf8(name + "." + std::to_string(number));
}

// Windows replaces no file that somebody has open; once that one is removed, its name is free.
void rename_over(const fs::path& from, const fs::path& to, std::error_code& code) {
    fs::rename(from, to, code);
    std::error_code other;
    if (code && fs::is_regular_file(to, other) && fs::remove(to, other)) {
        fs::rename(from, to, code);
    }
}

}  // namespace

base::Result<void> shift_files(const std::string& name, std::uint32_t keep) {
    std::error_code code;
    std::uint32_t last = 1;  // where the oldest file goes that moves
    while (last < keep && fs::exists(fs::symlink_status(numbered(name, last), code))) {
        ++last;
    }
    for (std::uint32_t number = 1; number <= last; ++number) {
        if (fs::is_directory(numbered(name, number), code)) {
            return base::Failure{"\"" + name + "." + std::to_string(number) + "\" is a folder"};
        }
    }
    for (; last > 1; --last) {
        rename_over(numbered(name, last - 1), numbered(name, last), code);
        if (code) {
            return base::Failure{code.message()};
        }
    }
    rename_over(base::path_from_utf8(name), numbered(name, 1), code);
    if (code) {
        return base::Failure{code.message()};
    }
    return {};
}

void take_back(const std::string& name) noexcept {
    try {
        std::error_code ignored;
        fs::rename(numbered(name, 1), base::path_from_utf8(name), ignored);
    } catch (...) {
        // Lines still go into the open file, under its new name.
    }
}

void take_permissions(const std::string& name) noexcept {
    try {
        std::error_code code;
        const fs::file_status old = fs::status(numbered(name, 1), code);
        if (!code) {
            fs::permissions(base::path_from_utf8(name), old.permissions(), code);
        }
    } catch (...) {
        // It keeps those of a new file.
    }
}

}  // namespace portico::log
