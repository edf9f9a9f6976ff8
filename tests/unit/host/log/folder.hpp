// A folder of a test's own, for the log's files.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "base/path_text.hpp"

namespace portico::test {

class Folder {
public:
    Folder()
        : path_(std::filesystem::temp_directory_path() /
                ("portico_log_" +
                 std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()))) {
        std::filesystem::create_directories(path_);
    }
    ~Folder() {
        std::error_code code;
        std::filesystem::remove_all(path_, code);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string name(const char* file) const {
        return base::utf8_from_path(path_ / file);
    }
    // What is in the file; empty if there is none.
    [[nodiscard]] std::string text(const char* file) const {
        std::ifstream stream(path_ / file, std::ios::binary);
        std::ostringstream all;
        all << stream.rdbuf();
        return all.str();
    }
    [[nodiscard]] bool has(const char* file) const { return std::filesystem::exists(path_ / file); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace portico::test
