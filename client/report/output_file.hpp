// A file of results. Opened before the run, so that one that cannot be written is known before
// anything is measured.
//
// A plain file is there whole or not at all: it is written under another name beside it, and
// renamed at the end. What is no plain file (a FIFO, a device, a link) stays what it is: it is
// opened and written through, since a rename would replace it.
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
    // Writes all of it; a plain file gets its name, over what had it before.
    [[nodiscard]] base::Result<void> keep(std::string_view content);

private:
    void open_beside();
    void open_link();
    void remove_begun() noexcept;

    std::string name_;
    std::filesystem::path path_;
    std::filesystem::path begun_;  // what is removed if it is not kept; empty: nothing
    bool is_renamed_ = false;      // at the end
    // at the end: a link's plain file, which keeps its old content until then
    bool is_emptied_ = false;
    std::ofstream stream_;
};

}  // namespace portico::client
