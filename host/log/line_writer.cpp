#include "log/line_writer.hpp"

#include <utility>

namespace portico::log {

namespace {

// A writer notices within this time that it should give up.
constexpr std::uint32_t poll_ms = 20;

}  // namespace

base::Result<std::unique_ptr<LineWriter>> LineWriter::open(const std::string& name,
                                                           std::function<bool()> give_up) {
    std::unique_ptr<LineWriter> made(new LineWriter(name, std::move(give_up)));
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

LineWriter::Outcome LineWriter::write(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        if (!file_->writable_within(poll_ms)) {
            if (give_up_()) {
                return Outcome::given_up;
            }
            continue;
        }
        const io::AppendFile::Written written = file_->write(bytes);
        bytes.remove_prefix(written.bytes);
        is_cut_ = is_cut_ || written.bytes != 0;
        if (written.error != 0) {
            error_ = written.error;
            return give_up_() ? Outcome::given_up : Outcome::failed;
        }
    }
    is_cut_ = false;
    return Outcome::written;
}

LineWriter::Outcome LineWriter::append(std::string_view line) noexcept {
    if (is_cut_) {
        if (const Outcome ended = write("\n"); ended != Outcome::written) {
            return ended;
        }
    }
    return write(line);
}

std::string LineWriter::error() const {
    return io::AppendFile::error_text(error_);
}

}  // namespace portico::log
