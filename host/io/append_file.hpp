// Something that lines are appended to: a file, a named pipe, or standard error. Nothing is
// buffered in the process, programs that this one starts do not inherit it, and a writer can wait
// with a deadline.
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
    // `name` in UTF-8. A missing file is created; a pipe is opened even if nobody reads it. While
    // it is open, others can rename and remove the file, on Windows too.
    [[nodiscard]] static base::Result<std::unique_ptr<AppendFile>> open(const std::string& name);
    // The process's standard error, wherever it leads when a line is written.
    [[nodiscard]] static std::unique_ptr<AppendFile> standard_error();
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    // Waits until bytes can be written, for this time at most. If the system cannot say (Windows),
    // returns true at once, and write() waits instead.
    [[nodiscard]] bool writable_within(std::uint32_t wait_ms) noexcept;

    struct Written {
        std::size_t bytes = 0;
        int error = 0;  // the system's number; with neither bytes nor error: there is no room now
    };
    // Writes as much as can be written at once.
    [[nodiscard]] Written write(std::string_view bytes) noexcept;

    // The most bytes for one write() that other writers' bytes do not come between.
    [[nodiscard]] std::size_t write_max() const noexcept;

    // The bytes of the file, whoever has written them; 0 if it is none that could be rotated.
    [[nodiscard]] std::uint64_t size() const noexcept;

    // Takes the right to rename this file, which one of all that have it open can have, in any
    // process. False: another one has it, or the name leads to another file by now. It ends with
    // unlock() or with this object. A file system without locks always says true.
    [[nodiscard]] bool try_lock() noexcept;
    void unlock() noexcept;

    // The system's sentence for Written::error.
    [[nodiscard]] static std::string error_text(int error);

    // True if the name now leads to another file, or to none.
    [[nodiscard]] bool was_moved() const noexcept;

private:
    AppendFile() = default;

    std::string name_;  // empty: standard error
    std::intptr_t handle_ = -1;
    std::uint64_t volume_ = 0;  // identifies the file, with number_
    std::uint64_t number_ = 0;
    bool is_regular_ = false;
    [[maybe_unused]] std::intptr_t lock_ = -1;  // Windows: what holds the lock
};

// True if standard error leads to systemd's journal, as JOURNAL_STREAM says.
[[nodiscard]] bool standard_error_is_journal() noexcept;

// For the thread that writes lines and runs nobody else's code. A limit on the size of files and a
// pipe without a reader become errors of its write(), in any program, and never a signal that ends
// the process.
void take_write_errors_as_values() noexcept;

// The calling thread's number for cancel_waits_of(), which ends a write or an open in which the
// thread waits, if the system can do that (Windows).
[[nodiscard]] std::uint32_t this_thread_number() noexcept;
void cancel_waits_of(std::uint32_t thread_number) noexcept;

}  // namespace portico::io
