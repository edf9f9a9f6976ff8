// What lines are appended to: a file, a pipe with a name, or standard error. Nothing of it waits in
// the process, no other program that this one starts inherits it, and who writes can wait with a
// deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::io {

class AppendFile {
public:
    // `name` in UTF-8. A file is made when there is none; a pipe is opened although nobody reads
    // it. While it is open, others can rename and remove the file, on Windows too.
    [[nodiscard]] static base::Result<std::unique_ptr<AppendFile>> open(const std::string& name);
    // The process's own, wherever it leads when a line is written.
    [[nodiscard]] static std::unique_ptr<AppendFile> standard_error();
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    // Waits for so long, at most, until bytes can be written. If the system has no such question
    // (Windows) the answer is yes at once, and write() is what waits.
    [[nodiscard]] bool writable_within(std::uint32_t wait_ms) noexcept;

    struct Written {
        std::size_t bytes = 0;
        int error = 0;  // the system's number; with neither bytes nor error: there is no room now
    };
    // As much as can be written at once.
    [[nodiscard]] Written write(std::string_view bytes) noexcept;

    // The system's sentence for Written::error.
    [[nodiscard]] static std::string error_text(int error);

    // Whether the name leads to another file by now, or to none.
    [[nodiscard]] bool was_moved() const noexcept;

private:
    AppendFile() = default;

    std::string name_;  // empty: standard error
    std::intptr_t handle_ = -1;
    std::uint64_t volume_ = 0;  // with number_: which file it is
    std::uint64_t number_ = 0;
};

// For the thread that writes lines and runs nobody else's code: a limit on the size of files and a
// pipe without a reader are errors of write() there, never a signal that ends the process, whatever
// program this is.
void take_write_errors_as_values() noexcept;

// A thread by a number for cancel_waits_of(), which ends a write or an opening that it waits in,
// if the system can do that (Windows).
[[nodiscard]] std::uint32_t this_thread_number() noexcept;
void cancel_waits_of(std::uint32_t thread_number) noexcept;

}  // namespace portico::io
