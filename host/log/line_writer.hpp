// Whole lines into a file, or to standard error. A line that a full disk cuts does not spoil the
// one after it; a file that was renamed or removed is opened again under its name; and a reader
// that stands still is waited for only as long as the caller wants.
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
    // `name` in UTF-8; empty: standard error. `give_up` says whether waiting should end.
    [[nodiscard]] static base::Result<std::unique_ptr<LineWriter>> open(
        const std::string& name, std::function<bool()> give_up);

    enum class Outcome {
        written,
        failed,    // it is missing, or cut: error() says why
        given_up,  // the reader stands still
    };
    // One line with its newline.
    [[nodiscard]] Outcome append(std::string_view line) noexcept;
    // What the system said of the last line that could not be written.
    [[nodiscard]] std::string error() const;

    // Opens the file again by its name. When that fails, lines go on into the old one.
    [[nodiscard]] base::Result<void> reopen();
    // Whether the name leads to another file by now, or to none.
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
