// A folder that belongs to this process alone and holds private copies of libraries.
//
// The system holds a lock on it as long as its process lives. So a folder that a killed host left
// is never mistaken for one in use, even if two containers share a temporary folder and number
// their processes alike. Nobody but its account may write to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portico::plugin {

class LibraryFolder {
public:
    // Makes a new folder in `place`. Fails with the reason, such as "mounted noexec".
    [[nodiscard]] static base::Result<std::unique_ptr<LibraryFolder>> make(
        const std::string& place);

    // Removes the folder. On Windows the files of libraries that stay loaded remain; a later
    // process removes them by remove_leftovers().
    ~LibraryFolder();
    LibraryFolder(const LibraryFolder&) = delete;
    LibraryFolder& operator=(const LibraryFolder&) = delete;

    // Absolute, UTF-8.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    // Removes the folders in `place` whose processes are gone, if they belong to this account.
    static void remove_leftovers(const std::string& place) noexcept;

    // The system's places for temporary files, the best one first.
    [[nodiscard]] static std::vector<std::string> temporary_places();

private:
    LibraryFolder() = default;

    std::string path_;
#ifdef _WIN32
    // a file in it that nobody else can open, and that its last close deletes
    void* lock_ = nullptr;
#else
    int lock_ = -1;  // the folder itself, with an exclusive lock
#endif
};

}  // namespace portico::plugin
