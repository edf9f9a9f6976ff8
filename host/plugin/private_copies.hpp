// Loads plugins from private copies, so that an operator may copy a new file over the old one, cut
// it short or remove it while the host runs: the system maps a library's pages from its file, and
// on Windows does not even allow the file to be replaced.
//
// The copies lie in a folder of this process's own (library_folder.hpp), together with the
// libraries that the original needs and that lie beside it. The folder is made in the system's
// temporary place and, where that forbids execution or cannot be written to, in the next one of a
// list, of which the last is the plugin folder itself: that one surely allows execution, but mostly
// not writing. Where there is no place at all the originals are loaded, with a note.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin/library.hpp"
#include "plugin/library_folder.hpp"

namespace portico::plugin {

// One server's. The libraries' users end before it, since it removes the copies.
class PrivateCopies {
public:
    PrivateCopies() = default;
    // With places of a test's own instead of the system's.
    explicit PrivateCopies(std::vector<std::string> places)
        : places_(std::move(places)), places_given_(true) {}

    // The library at `path`, absolute and UTF-8, from its copy; the same one for the same path.
    [[nodiscard]] base::Result<std::shared_ptr<Library>> open(const std::string& path);

    // The library stays loaded until the process ends. A later open() of the same file, by this or
    // another server, gets it again, and does not load one more copy each time.
    void keep(const std::shared_ptr<Library>& library);

    // What an operator should know of where the copies are, a sentence each.
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
    // Where the copies are; empty without a folder.
    [[nodiscard]] std::string folder() const {
        return folder_ != nullptr ? folder_->path() : std::string();
    }

private:
    struct Opened {
        std::string path;
        std::uint64_t fingerprint = 0;  // of the copy and all that was copied with it
        std::shared_ptr<Library> library;
    };

    void make_folder(const std::string& beside);
    [[nodiscard]] base::Result<std::shared_ptr<Library>> open_copy(const std::string& path,
                                                                   std::uint64_t& fingerprint);

    static std::vector<Opened>& kept();

    std::vector<std::string> places_;
    bool places_given_ = false;
    bool tried_ = false;  // to make the folder
    std::unique_ptr<LibraryFolder> folder_;
    std::vector<std::string> notes_;
    std::vector<Opened> opened_;  // unloaded before the folder goes
};

}  // namespace portico::plugin
