#include "output_file.hpp"

#include <cerrno>
#include <system_error>

#include "base/path_text.hpp"

namespace portico::client {

OutputFile::~OutputFile() {
    if (stream_.is_open()) {
        stream_.close();
        std::error_code ignored;
        std::filesystem::remove(begun_, ignored);
    }
}

base::Result<void> OutputFile::open(const std::string& path) {
    name_ = path;
    path_ = base::path_from_utf8(path);
    if (std::error_code ignored; path_.filename().empty() || std::filesystem::is_directory(path_, ignored)) {
        return base::Failure{"\"" + name_ + "\" is a folder"};
    }
    begun_ = path_;
    begun_ += ".part";
    stream_.open(begun_, std::ios::binary | std::ios::trunc);
    if (!stream_) {
        return base::Failure{"cannot write \"" + name_ + "\": " + std::generic_category().message(errno)};
    }
    return {};
}

base::Result<void> OutputFile::keep(std::string_view content) {
    stream_.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream_.close();
    std::error_code failure;
    if (stream_) {
        std::filesystem::rename(begun_, path_, failure);
        if (!failure) {
            return {};
        }
    }
    const std::string why = failure ? failure.message() : std::generic_category().message(errno);
    std::filesystem::remove(begun_, failure);
    return base::Failure{"cannot write \"" + name_ + "\": " + why};
}

}  // namespace portico::client
