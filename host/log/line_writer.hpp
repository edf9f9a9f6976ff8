// Writes whole lines into a file or to standard error. A line that a full disk cuts does not spoil
// the next one. A file that was renamed or removed is opened again under its name, and one that is
// large enough is rotated. If the reader stands still, the writer waits only as long as the caller
// wants.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "io/append_file.hpp"
#include "log/rotation.hpp"

namespace portico::log {

class LineWriter {
public:
    // `name` is UTF-8; empty: standard error. `give_up` says whether to stop waiting.
    [[nodiscard]] static base::Result<std::unique_ptr<LineWriter>> open(
        const std::string& name, const Rotation& rotation, std::function<bool()> give_up);

    enum class Outcome {
        written,
        failed,    // the line after those that were written is missing or cut; error() says why
        given_up,  // the reader stands still
    };
    struct Appended {
        Outcome outcome = Outcome::written;
        std::size_t bytes = 0;  // of the lines that were written
    };
    // Writes lines, each with its newline. Between those of one process no other's come, unless a
    // line is longer than the system allows. Allocates nothing unless it rotates.
    [[nodiscard]] Appended append(std::string_view lines) noexcept;
    // The system's error of the last line that could not be written.
    [[nodiscard]] std::string error() const;

    // Opens the file again by its name. If that fails, lines still go into the old one.
    [[nodiscard]] base::Result<void> reopen();
    // True if the name now leads to another file, or to none.
    [[nodiscard]] bool was_moved() const noexcept { return file_->was_moved(); }

    // Why the file could not be rotated when it was last tried; empty if it could. Then it grows,
    // and it is tried again a second later.
    [[nodiscard]] const std::string& rotation_error() const noexcept { return rotation_error_; }

private:
    LineWriter(std::string name, const Rotation& rotation, std::function<bool()> give_up)
        : name_(std::move(name)), rotation_(rotation), give_up_(std::move(give_up)) {}
    [[nodiscard]] Appended write(std::string_view bytes) noexcept;
    [[nodiscard]] std::size_t room_for(std::string_view lines) noexcept;
    void rotate() noexcept;
    [[nodiscard]] base::Result<void> rotate_locked();

    const std::string name_;
    const Rotation rotation_;
    const std::function<bool()> give_up_;
    std::unique_ptr<io::AppendFile> file_;
    int error_ = 0;
    bool is_cut_ = false;  // the last line has no newline
    std::string rotation_error_;
    std::chrono::steady_clock::time_point next_rotation_try_{};
};

}  // namespace portico::log
