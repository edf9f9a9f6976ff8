#include "log/line_file.hpp"

#include <cerrno>
#include <system_error>

#include "base/path_text.hpp"

namespace portico::log {

base::Result<std::unique_ptr<LineFile>> LineFile::open(const std::string& name) {
    const std::filesystem::path path = base::path_from_utf8(name);
    std::unique_ptr<LineFile> made(new LineFile);
#ifdef _WIN32
    made->file_.reset(::_wfopen(path.c_str(), L"ab"));
#else
    made->file_.reset(std::fopen(path.c_str(), "ab"));
#endif
    if (made->file_ == nullptr) {
        return base::Failure{"cannot open the log file \"" + name + "\": " + std::generic_category().message(errno)};
    }
    // What a buffer could not write would stay in it, and come again with the next line.
    std::setvbuf(made->file_.get(), nullptr, _IONBF, 0);
    return made;
}

std::size_t LineFile::write(std::string_view bytes) noexcept {
    errno = 0;
    const std::size_t written = std::fwrite(bytes.data(), 1, bytes.size(), file_.get());
    if (written < bytes.size()) {
        error_ = errno;
        std::clearerr(file_.get());
    }
    return written;
}

bool LineFile::append(std::string_view line) noexcept {
    if (is_cut_ && write("\n") == 0) {
        return false;
    }
    const std::size_t written = write(line);
    is_cut_ = written != 0 && written < line.size();
    return written == line.size();
}

std::string LineFile::error() const {
    return std::generic_category().message(error_);
}

}  // namespace portico::log
