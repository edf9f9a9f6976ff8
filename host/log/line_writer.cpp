#include "log/line_writer.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace portico::log {

namespace {

// A writer notices within this time that it should give up.
constexpr std::uint32_t poll_ms = 20;
// A rotation that has failed is tried again after this time.
constexpr auto rotation_retry_interval = std::chrono::seconds(1);

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// As many of the lines as fit into so many bytes, but at least one.
std::string_view whole_lines(std::string_view lines, std::size_t bytes_max) {
    if (lines.size() <= bytes_max) {
        return lines;
    }
    const std::size_t last = bytes_max != 0 ? lines.rfind('\n', bytes_max - 1)
                                            : std::string_view::npos;
    return lines.substr(0, (last != std::string_view::npos ? last : lines.find('\n')) + 1);
}

}  // namespace

base::Result<std::unique_ptr<LineWriter>> LineWriter::open(const std::string& name,
                                                           const Rotation& rotation,
                                                           std::function<bool()> give_up) {
    std::unique_ptr<LineWriter> made(new LineWriter(name, rotation, std::move(give_up)));
    if (name.empty()) {
        made->file_ = io::AppendFile::standard_error();
    } else if (base::Result<void> opened = made->reopen(); !opened) {
        return base::Failure{opened.error()};
    }
    return made;
}

base::Result<void> LineWriter::reopen() {
    if (name_.empty()) {
        return {};
    }
    base::Result<std::unique_ptr<io::AppendFile>> opened = io::AppendFile::open(name_);
    if (!opened) {
        return base::Failure{opened.error()};
    }
    file_ = std::move(*opened);
    is_cut_ = false;
    return {};
}

LineWriter::Appended LineWriter::write(std::string_view bytes) noexcept {
    std::size_t done = 0;
    while (done < bytes.size()) {
        if (!file_->writable_within(poll_ms)) {
            if (give_up_()) {
                return {Outcome::given_up, done};
            }
            continue;
        }
        const io::AppendFile::Written written = file_->write(bytes.substr(done));
        done += written.bytes;
        if (written.error != 0) {
            error_ = written.error;
            return {give_up_() ? Outcome::given_up : Outcome::failed, done};
        }
    }
    return {Outcome::written, done};
}

LineWriter::Appended LineWriter::append(std::string_view lines) noexcept {
    std::size_t done = 0;
    while (done < lines.size()) {
        const std::string_view rest = lines.substr(done);
        const std::string_view next = whole_lines(rest,
                                                  std::min(file_->write_max(), room_for(rest)));
        if (is_cut_) {
            if (const Outcome ended = write("\n").outcome; ended != Outcome::written) {
                return {ended, done};
            }
            is_cut_ = false;
        }
        const Appended written = write(next);
        if (written.outcome != Outcome::written) {
            const std::size_t newline = next.substr(0, written.bytes).rfind('\n');
            const std::size_t whole = newline == std::string_view::npos ? 0 : newline + 1;
            is_cut_ = written.bytes != whole;
            return {written.outcome, done + whole};
        }
        done += next.size();
    }
    return {Outcome::written, done};
}

// The bytes that the file may still take. Makes room, by rotating, for the first of the lines.
std::size_t LineWriter::room_for(std::string_view lines) noexcept {
    if (rotation_.max_bytes == 0) {
        return no_limit;
    }
    const auto room = [this] {
        const std::uint64_t size = file_->size();
        return size == 0 ? rotation_.max_bytes
                         : rotation_.max_bytes - std::min(size, rotation_.max_bytes);
    };
    const std::size_t line = lines.find('\n') + 1;
    if (room() < line && file_->size() != 0) {
        rotate();
    }
    const std::uint64_t there = room();
    if (there >= line) {
        return static_cast<std::size_t>(std::min<std::uint64_t>(there, no_limit));
    }
    // A line that is longer than a file has one of its own. Otherwise it could not be rotated.
    return file_->size() == 0 ? line : no_limit;
}

void LineWriter::rotate() noexcept {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_rotation_try_) {
        return;
    }
    try {
        if (!file_->try_lock()) {
            // Another process rotates it, or has done so.
            if (file_->was_moved()) {
                static_cast<void>(reopen());  // who follows the name says it if that fails
            }
            return;
        }
        const base::Result<void> rotated = rotate_locked();
        rotation_error_ = rotated.error();
        if (rotated) {
            return;
        }
    } catch (...) {
        // Memory is out. It is tried again, like after any other failure.
    }
    file_->unlock();
    next_rotation_try_ = now + rotation_retry_interval;
}

base::Result<void> LineWriter::rotate_locked() {
    if (base::Result<void> shifted = shift_files(name_, rotation_.keep); !shifted) {
        // Somebody without the lock, as a tool that rotates logs, may have renamed it meanwhile.
        return file_->was_moved() ? reopen() : shifted;
    }
    // The lock belongs to the old file, and ends with it.
    if (base::Result<void> opened = reopen(); !opened) {
        take_back(name_);
        return opened;
    }
    take_permissions(name_);
    return {};
}

std::string LineWriter::error() const {
    return io::AppendFile::error_text(error_);
}

}  // namespace portico::log
