#include "plugin/private_copies.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <system_error>

#include "base/path_text.hpp"
#include "plugin/library_image.hpp"

namespace portico::plugin {

namespace {

// A library with more of them beside it is none that anybody means; what is left out is not found.
constexpr std::size_t files_max = 256;

std::mutex kept_mutex;

base::Result<std::shared_ptr<Library>> open_original(const std::string& path) {
    if (std::string fault = fault_of_library(path); !fault.empty()) {
        return base::Failure{std::move(fault)};
    }
    return Library::open(path);
}

// FNV-1a: tells one version of a file from the next, not from one made up to look like it.
std::uint64_t add_to_fingerprint(std::uint64_t fingerprint, const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    char part[4'096];
    while (file.read(part, sizeof part), file.gcount() > 0) {
        for (const char byte : std::string_view(part, static_cast<std::size_t>(file.gcount()))) {
            fingerprint = (fingerprint ^ static_cast<unsigned char>(byte)) * 0x100'0000'01B3ULL;
        }
    }
    return fingerprint;
}

}  // namespace

// Never destroyed: what was kept outlives everything else.
std::vector<PrivateCopies::Opened>& PrivateCopies::kept() {
    static auto* const libraries = new std::vector<Opened>;
    return *libraries;
}

base::Result<std::shared_ptr<Library>> PrivateCopies::open(const std::string& path) {
    for (const Opened& opened : opened_) {
        if (opened.path == path) {
            return opened.library;
        }
    }
    opened_.reserve(opened_.size() + 1);
    Opened opened{path, 0, nullptr};
    base::Result<std::shared_ptr<Library>> library = open_copy(path, opened.fingerprint);
    if (library) {
        opened.library = *library;
        opened_.push_back(std::move(opened));
    }
    return library;
}

void PrivateCopies::keep(const std::shared_ptr<Library>& library) {
    const auto same = [&](const Opened& opened) { return opened.library == library; };
    const std::scoped_lock lock(kept_mutex);
    if (std::any_of(kept().begin(), kept().end(), same)) {
        return;
    }
    if (const auto opened = std::find_if(opened_.begin(), opened_.end(), same);
        opened != opened_.end()) {
        kept().push_back(*opened);
    }
    library->keep();
}

base::Result<std::shared_ptr<Library>> PrivateCopies::open_copy(const std::string& path,
                                                                std::uint64_t& fingerprint) {
    const std::filesystem::path original = base::path_from_utf8(path);
    const std::filesystem::path beside = original.parent_path();
    make_folder(base::utf8_from_path(beside));
    if (folder_ == nullptr) {
        return open_original(path);
    }

    // The library, what it needs, what that needs, ...: each once, at the same place under the
    // folder.
    const std::filesystem::path folder = base::path_from_utf8(folder_->path());
    std::vector<std::filesystem::path> files{original.filename()};
    fingerprint = 0xCBF2'9CE4'8422'2325ULL;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::filesystem::path copy = folder / files[i];
        std::error_code code;
        if (files[i].has_parent_path()) {
            std::filesystem::create_directories(copy.parent_path(), code);
        }
        // A dependency that another plugin shares is there already.
        if (!std::filesystem::exists(copy, code)) {
            std::filesystem::copy_file(beside / files[i], copy, code);
        }
        if (code) {
            notes_.push_back(
                "plugin " + path + " is loaded from that very file, because no copy of " +
                base::utf8_from_path(files[i]) + " could be made in " + folder_->path() + " (" +
                code.message() + "): do not replace it while the host runs");
            std::filesystem::remove(copy, code);
            return open_original(path);
        }
        const std::string copy_text = base::utf8_from_path(copy);
        if (std::string fault = i == 0 ? fault_of_library(copy_text) : std::string();
            !fault.empty()) {
            std::filesystem::remove(copy, code);
            return base::Failure{std::move(fault)};
        }
        fingerprint = add_to_fingerprint(fingerprint, copy);
        Needs needs = needs_of_library(copy_text);
        needs.folders.insert(needs.folders.begin(), std::string());
        for (const std::string& name : needs.libraries) {
            for (const std::string& inner : needs.folders) {
                const std::filesystem::path file = (files[i].parent_path() /
                                                    base::path_from_utf8(inner) /
                                                    base::path_from_utf8(name))
                                                       .lexically_normal();
                if (files.size() < files_max &&
                    std::filesystem::is_regular_file(beside / file, code) &&
                    std::find(files.begin(), files.end(), file) == files.end()) {
                    files.push_back(file);
                }
            }
        }
    }
    {
        const std::scoped_lock lock(kept_mutex);
        for (const Opened& opened : kept()) {
            if (opened.path == path && opened.fingerprint == fingerprint) {
                return opened.library;
            }
        }
    }
    base::Result<std::shared_ptr<Library>> library = Library::open(
        base::utf8_from_path(folder / files[0]));
    if (library) {
        return library;
    }
    // What it needs may be found from its own place only; and where it is not, the system's words
    // should name the original.
    base::Result<std::shared_ptr<Library>> from_original = open_original(path);
    if (from_original) {
        notes_.push_back("plugin " + path +
                         " is loaded from that very file, because a copy of it cannot be loaded (" +
                         library.error() + "): do not replace it while the host runs");
    }
    return from_original;
}

void PrivateCopies::make_folder(const std::string& beside) {
    if (tried_) {
        return;
    }
    tried_ = true;
    if (!places_given_) {
        places_ = LibraryFolder::temporary_places();
        places_.push_back(beside);
    }
    std::string refused;
    for (const std::string& place : places_) {
        LibraryFolder::remove_leftovers(place);
        base::Result<std::unique_ptr<LibraryFolder>> made = LibraryFolder::make(place);
        if (made) {
            folder_ = std::move(*made);
            break;
        }
        refused += (refused.empty() ? "" : "; ") + place + ": " + made.error();
    }
    if (refused.empty()) {
        return;
    }
    notes_.push_back(folder_ != nullptr
                         ? "the plugins' private copies are in " + folder_->path() +
                               ", because other places cannot hold them (" + refused + ")"
                         : "the plugins are loaded from their own files, because no place can hold "
                           "private copies of them (" +
                               refused + "): do not replace them while the host runs");
}

}  // namespace portico::plugin
