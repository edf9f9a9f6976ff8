// A shared library: LoadLibraryExW on Windows, dlopen elsewhere.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portico::plugin {

class Library {
public:
    // `path` is absolute, UTF-8. Windows looks for its dependencies beside it and in the system's
    // folder only. Linux binds all its symbols at once and exports them to no other library. The
    // file is mapped, so check it before with fault_of_library() of library_image.hpp.
    [[nodiscard]] static base::Result<std::shared_ptr<Library>> open(const std::string& path);

    // Unloads, unless keep() was called.
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    // Null if it exports no such symbol.
    [[nodiscard]] void (*symbol(const char* name) const noexcept)();

    // Keeps the library loaded until the process ends. That is the default for plugins, because
    // their threads and thread-local destructors may outlive the host.
    void keep() noexcept { kept_ = true; }

    // The files of a directory that may be libraries, without suffix, in no order. Fails with the
    // system's message.
    [[nodiscard]] static base::Result<std::vector<std::string>> names_in(
        const std::string& directory);

    // The suffix of libraries on this system: ".dll" or ".so".
    [[nodiscard]] static const char* suffix() noexcept;

private:
    // The owner is made before the library is loaded, so that a lack of memory cannot leak it.
    Library() = default;

    void* handle_ = nullptr;
    bool kept_ = false;
};

}  // namespace portico::plugin
