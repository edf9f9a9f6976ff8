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

// No real plugin has more libraries beside it. Further ones are not copied, and so not found.
constexpr std::size_t files_max = 256;

std::mutex kept_mutex;

base::Result<std::shared_ptr<Library>> open_original(const std::string& path) {
    if (std::string fault = fault_of_library(path); !fault.empty()) {
        return base::Failure{std::move(fault)};
    }
    return Library::open(path);
}

// FNV-1a: it distinguishes versions of a file, but not from a file that was forged to match.
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

// Adds the libraries that `copy` needs and that lie beside the original, by their paths relative to
// `beside`. `inside` is the folder of the file itself.
void add_needs(const std::string& copy, const std::filesystem::path& beside,
               const std::filesystem::path& inside, std::vector<std::filesystem::path>& files) {
    Needs needs = needs_of_library(copy);
    needs.folders.insert(needs.folders.begin(), std::string());
    for (const std::string& name : needs.libraries) {
        for (const std::string& folder : needs.folders) {
            const std::filesystem::path file = (inside / base::path_from_utf8(folder) /
                                                base::path_from_utf8(name))
                                                   .lexically_normal();
            std::error_code code;
            if (files.size() < files_max && std::filesystem::is_regular_file(beside / file, code) &&
                std::find(files.begin(), files.end(), file) == files.end()) {
                files.push_back(file);
            }
        }
    }
}

}  // namespace

// Never destroyed: the libraries in it outlive everything else.
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

bool PrivateCopies::copy_file(const std::filesystem::path& beside,
                              const std::filesystem::path& file, const std::string& plugin) {
    const std::filesystem::path copy = base::path_from_utf8(folder_->path()) / file;
    std::error_code code;
    if (file.has_parent_path()) {
        std::filesystem::create_directories(copy.parent_path(), code);
    }
    // A dependency that another plugin shares is there already.
    if (!std::filesystem::exists(copy, code)) {
        std::filesystem::copy_file(beside / file, copy, code);
    }
    if (!code) {
        return true;
    }
    notes_.push_back("plugin " + plugin + " is loaded from that very file, because no copy of " +
                     base::utf8_from_path(file) + " could be made in " + folder_->path() + " (" +
                     code.message() + "): do not replace it while the host runs");
    std::filesystem::remove(copy, code);
    return false;
}

base::Result<bool> PrivateCopies::copy_with_needs(const std::filesystem::path& original,
                                                  std::uint64_t& fingerprint) {
    const std::filesystem::path beside = original.parent_path();
    const std::filesystem::path folder = base::path_from_utf8(folder_->path());
    std::vector<std::filesystem::path> files{original.filename()};
    fingerprint = 0xCBF2'9CE4'8422'2325ULL;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (!copy_file(beside, files[i], base::utf8_from_path(original))) {
            return false;
        }
        const std::filesystem::path copy = folder / files[i];
        const std::string copy_text = base::utf8_from_path(copy);
        if (std::string fault = i == 0 ? fault_of_library(copy_text) : std::string();
            !fault.empty()) {
            std::error_code code;
            std::filesystem::remove(copy, code);
            return base::Failure{std::move(fault)};
        }
        fingerprint = add_to_fingerprint(fingerprint, copy);
        add_needs(copy_text, beside, files[i].parent_path(), files);
    }
    return true;
}

std::shared_ptr<Library> PrivateCopies::find_kept(const std::string& path,
                                                  std::uint64_t fingerprint) {
    const std::scoped_lock lock(kept_mutex);
    for (const Opened& opened : kept()) {
        if (opened.path == path && opened.fingerprint == fingerprint) {
            return opened.library;
        }
    }
    return nullptr;
}

base::Result<std::shared_ptr<Library>> PrivateCopies::open_copy(const std::string& path,
                                                                std::uint64_t& fingerprint) {
    const std::filesystem::path original = base::path_from_utf8(path);
    make_folder(base::utf8_from_path(original.parent_path()));
    if (folder_ == nullptr) {
        return open_original(path);
    }
    base::Result<bool> copied = copy_with_needs(original, fingerprint);
    if (!copied) {
        return base::Failure{copied.error()};
    }
    if (!*copied) {
        return open_original(path);
    }
    if (std::shared_ptr<Library> library = find_kept(path, fingerprint)) {
        return library;
    }
    base::Result<std::shared_ptr<Library>> library = Library::open(
        base::utf8_from_path(base::path_from_utf8(folder_->path()) / original.filename()));
    if (library) {
        return library;
    }
    // The original may find libraries that its copy does not. If it cannot be loaded either, the
    // system's error should name it, not the copy.
    base::Result<std::shared_ptr<Library>> from_original = open_original(path);
    if (from_original) {
        notes_.push_back("plugin " + path +
                         " is loaded from that very file, because a copy of it cannot be loaded (" +
                         library.error() + "): do not replace it while the host runs");
    }
    return from_original;
}

void PrivateCopies::make_folder(const std::string& beside) {
    if (has_tried_) {
        return;
    }
    has_tried_ = true;
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
