// A folder of this process alone, in which private copies of libraries lie.
//
// It is locked for as long as its process lives, by the system and not by a number of the process:
// so a folder that a killed host left behind is told from one in use, also where two containers
// share a temporary folder. Nobody but its account may write to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portico::plugin {

class LibraryFolder {
public:
    // A new folder in `place`. Fails with the reason, "mounted noexec" among them.
    [[nodiscard]] static base::Result<std::unique_ptr<LibraryFolder>> make(
        const std::string& place);

    // Removes the folder. What the system still holds (Windows: a library that stays loaded) is
    // left to remove_leftovers() of a later process.
    ~LibraryFolder();
    LibraryFolder(const LibraryFolder&) = delete;
    LibraryFolder& operator=(const LibraryFolder&) = delete;

    // Absolute, UTF-8.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    // Removes the folders in `place` whose processes are gone: only those of this account.
    static void remove_leftovers(const std::string& place) noexcept;

    // Where a folder may be made, the best place first: the system's places for temporary files.
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
