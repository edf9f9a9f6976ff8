// A file that is there whole or not at all: written under another name beside it, and renamed at the end. Opened before the run, so that one that
// cannot be written is known before anything is measured.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::client {

class OutputFile {
public:
    OutputFile() = default;
    // What was not kept is removed.
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    // `path` in UTF-8. Fails with a sentence that names it.
    [[nodiscard]] base::Result<void> open(const std::string& path);
    [[nodiscard]] bool is_open() const noexcept { return stream_.is_open(); }
    // Writes all of it and gives it its name, over what had it before.
    [[nodiscard]] base::Result<void> keep(std::string_view content);

private:
    std::string name_;
    std::filesystem::path path_;
    std::filesystem::path begun_;
    std::ofstream stream_;
};

}  // namespace portico::client
