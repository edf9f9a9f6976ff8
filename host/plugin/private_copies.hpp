// Loads plugins from private copies, so that an operator may overwrite, cut short or remove a
// plugin's file while the host runs. The system maps a library's pages from its file, and Windows
// does not even allow the file to be replaced.
//
// The copies lie in a folder of this process's own (library_folder.hpp), together with the
// libraries that the original needs and that lie beside it. The folder is made in the system's
// temporary place. If that forbids execution or writing, the next place of a list is tried; the
// last one is the plugin folder itself, which allows execution but seldom writing. If no place will
// do, the originals are loaded, with a note.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin/library.hpp"
#include "plugin/library_folder.hpp"

namespace portico::plugin {

// Each server has one. Its destructor removes the copies, so everything that uses the libraries
// must end before.
class PrivateCopies {
public:
    PrivateCopies() = default;
    // For tests: with these places instead of the system's.
    explicit PrivateCopies(std::vector<std::string> places)
        : places_(std::move(places)), places_given_(true) {}

    // Loads the library at `path`, absolute and UTF-8, from a copy. The same path gives the same
    // library.
    [[nodiscard]] base::Result<std::shared_ptr<Library>> open(const std::string& path);

    // Keeps the library loaded until the process ends. A later open() of the same file, by this or
    // another server, returns it and loads no further copy.
    void keep(const std::shared_ptr<Library>& library);

    // Notes on the copies for the operator, a sentence each.
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
    // The folder of the copies; empty if there is none.
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
    // Copies `file`, which is relative to `beside` and to the folder. False: that failed, and a
    // note says why.
    [[nodiscard]] bool copy_file(const std::filesystem::path& beside,
                                 const std::filesystem::path& file, const std::string& plugin);
    // Copies the library, what it needs, what that needs, ..., each once, to the same place under
    // the folder. False: no copy can be made. Fails if the library is damaged.
    [[nodiscard]] base::Result<bool> copy_with_needs(const std::filesystem::path& original,
                                                     std::uint64_t& fingerprint);
    [[nodiscard]] static std::shared_ptr<Library> find_kept(const std::string& path,
                                                            std::uint64_t fingerprint);
    [[nodiscard]] base::Result<std::shared_ptr<Library>> open_copy(const std::string& path,
                                                                   std::uint64_t& fingerprint);

    static std::vector<Opened>& kept();

    std::vector<std::string> places_;
    bool places_given_ = false;
    bool has_tried_ = false;  // to make the folder
    std::unique_ptr<LibraryFolder> folder_;
    std::vector<std::string> notes_;
    std::vector<Opened> opened_;  // unloaded before the folder is removed
};

}  // namespace portico::plugin
