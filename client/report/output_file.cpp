#include "report/output_file.hpp"

#include <cerrno>
#include <system_error>

#include "base/path_text.hpp"
#include "report/path_kind.hpp"

namespace portico::client {

namespace {

namespace fs = std::filesystem;

// A name beside it for the incomplete file. If a killed client has left a file with the first such
// name, it is overwritten.
fs::path name_beside(const fs::path& path) {
    fs::path beside = path;
    beside += ".part";
    for (int number = 2;
         kind_of(beside) != PathKind::absent && kind_of(beside) != PathKind::plain_file; ++number) {
        beside = path;
        beside += ".part" + std::to_string(number);
    }
    return beside;
}

std::string last_error() {
    return std::generic_category().message(errno != 0 ? errno : EIO);
}

}  // namespace

OutputFile::~OutputFile() {
    if (stream_.is_open()) {
        stream_.close();
        remove_begun();
    }
}

void OutputFile::remove_begun() noexcept {
    std::error_code ignored;
    if (!begun_.empty()) {
        fs::remove(begun_, ignored);
    }
}

base::Result<void> OutputFile::open(const std::string& path) {
    name_ = path;
    path_ = base::path_from_utf8(path);
    if (std::error_code ignored; path_.filename().empty() || fs::is_directory(path_, ignored)) {
        return base::Failure{"\"" + name_ + "\" is a folder"};
    }
    errno = 0;
    switch (kind_of(path_)) {
        case PathKind::link: open_link(); break;
        case PathKind::other: stream_.open(path_, std::ios::binary); break;
        default: open_beside(); break;
    }
    if (!stream_.is_open()) {
        return base::Failure{"cannot write \"" + name_ + "\": " + last_error()};
    }
    return {};
}

void OutputFile::open_beside() {
    if (kind_of(path_) == PathKind::plain_file) {
        // A rename needs permission only for the folder; a user who may not write the file itself
        // must not replace it.
        if (!std::ofstream(path_, std::ios::binary | std::ios::app).is_open()) {
            return;
        }
    }
    is_renamed_ = true;
    begun_ = name_beside(path_);
    stream_.open(begun_, std::ios::binary | std::ios::trunc);
}

void OutputFile::open_link() {
    std::error_code ignored;
    const fs::file_status target = fs::status(path_, ignored);
    const bool is_new = target.type() == fs::file_type::not_found;
    is_emptied_ = is_new || fs::is_regular_file(target);
    stream_.open(path_,
                 is_emptied_ ? std::ios::binary | std::ios::app : std::ios::binary | std::ios::out);
    if (is_new && stream_.is_open()) {
        // the link led nowhere, so open() has created its target
        begun_ = fs::canonical(path_, ignored);
    }
}

base::Result<void> OutputFile::keep(std::string_view content) {
    errno = 0;
    if (is_emptied_) {
        stream_.close();
        stream_.open(path_, std::ios::binary | std::ios::trunc);
    }
    stream_.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream_.close();
    std::error_code failure;
    if (stream_) {
        if (is_renamed_) {
            fs::rename(begun_, path_, failure);
        }
        if (!failure) {
            return {};
        }
    }
    const std::string why = failure ? failure.message() : last_error();
    remove_begun();
    return base::Failure{"cannot write \"" + name_ + "\": " + why};
}

}  // namespace portico::client
