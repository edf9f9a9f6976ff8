// A shared library: LoadLibraryExW on Windows, dlopen elsewhere.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portico::plugin {

class Library {
public:
    // `path` is absolute, UTF-8. Its own dependencies are looked for beside it and in the system's
    // folder only (Windows); all its symbols are bound at once, and stay its own (Linux). The file
    // is mapped: check it before, with fault_of_library() of library_image.hpp.
    [[nodiscard]] static base::Result<std::shared_ptr<Library>> open(const std::string& path);

    // Unloads, unless keep() was called.
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    // Null when it exports no such symbol.
    [[nodiscard]] void (*symbol(const char* name) const noexcept)();

    // The library stays loaded until the process ends: the default for plugins, since threads and
    // thread-local destructors of theirs may outlive us.
    void keep() noexcept { kept_ = true; }

    // The files of a directory that may be libraries, without suffix, in no order. Fails with the
    // system's words.
    [[nodiscard]] static base::Result<std::vector<std::string>> names_in(
        const std::string& directory);

    // What libraries are called here: ".dll" or ".so".
    [[nodiscard]] static const char* suffix() noexcept;

private:
    // The owner is made first, so that nothing is loaded that no memory is left to own.
    Library() = default;

    void* handle_ = nullptr;
    bool kept_ = false;
};

}  // namespace portico::plugin
