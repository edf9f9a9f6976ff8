// A file of results. It is opened before the run, so that an error shows before anything is
// measured.
//
// A plain file appears whole or not at all: it is written under another name beside it, and renamed
// at the end. Anything else (a FIFO, a device, a link) is opened and written in place, because a
// rename would replace it.
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
    // Removes a file that was not kept.
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    // `path` in UTF-8. Fails with a sentence that names it.
    [[nodiscard]] base::Result<void> open(const std::string& path);
    [[nodiscard]] bool is_open() const noexcept { return stream_.is_open(); }
    // Writes all of it. A plain file then gets its name and replaces any file of that name.
    [[nodiscard]] base::Result<void> keep(std::string_view content);

private:
    void open_beside();
    void open_link();
    void remove_begun() noexcept;

    std::string name_;
    std::filesystem::path path_;
    std::filesystem::path begun_;  // the file to remove if it is not kept; empty: none
    bool is_renamed_ = false;      // at the end
    // at the end: a link's plain file, which keeps its old content until then
    bool is_emptied_ = false;
    std::ofstream stream_;
};

}  // namespace portico::client
