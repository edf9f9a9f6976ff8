// A file that lines are appended to, each with one call to the system, so that nothing of it waits in the process. A line that a full disk cuts
// does not spoil the one that comes after it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portico::log {

class LineFile {
public:
    // `name` in UTF-8; a file that is there is appended to.
    [[nodiscard]] static base::Result<std::unique_ptr<LineFile>> open(const std::string& name);

    // One line with its newline. False when not all of it could be written: it is missing, or cut, in the file.
    [[nodiscard]] bool append(std::string_view line) noexcept;
    // What the system said of the last line that could not be written.
    [[nodiscard]] std::string error() const;

private:
    struct Closer {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };

    LineFile() = default;  // made before the file, so that it has an owner
    [[nodiscard]] std::size_t write(std::string_view bytes) noexcept;

    std::unique_ptr<std::FILE, Closer> file_;
    int error_ = 0;
    bool is_cut_ = false;  // the last line has no newline
};

}  // namespace portico::log
