// Writes whole lines into a file or to standard error. A line that a full disk cuts does not spoil
// the next one. A file that was renamed or removed is opened again under its name. If the reader
// stands still, the writer waits only as long as the caller wants.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "io/append_file.hpp"

namespace portico::log {

class LineWriter {
public:
    // `name` is UTF-8; empty: standard error. `give_up` says whether to stop waiting.
    [[nodiscard]] static base::Result<std::unique_ptr<LineWriter>> open(
        const std::string& name, std::function<bool()> give_up);

    enum class Outcome {
        written,
        failed,    // the line is missing or cut; error() says why
        given_up,  // the reader stands still
    };
    // Writes one line with its newline.
    [[nodiscard]] Outcome append(std::string_view line) noexcept;
    // The system's error of the last line that could not be written.
    [[nodiscard]] std::string error() const;

    // Opens the file again by its name. If that fails, lines still go into the old one.
    [[nodiscard]] base::Result<void> reopen();
    // True if the name now leads to another file, or to none.
    [[nodiscard]] bool was_moved() const noexcept { return file_->was_moved(); }

private:
    LineWriter(std::string name, std::function<bool()> give_up)
        : name_(std::move(name)), give_up_(std::move(give_up)) {}
    [[nodiscard]] Outcome write(std::string_view bytes) noexcept;

    std::string name_;
    std::function<bool()> give_up_;
    std::unique_ptr<io::AppendFile> file_;
    int error_ = 0;
    bool is_cut_ = false;  // the last line has no newline
};

}  // namespace portico::log
