#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "plugin/library_folder.hpp"

namespace portico::plugin {

namespace {

constexpr std::string_view prefix = "portico-plugins-";
constexpr int depth_max = 8;  // of folders in a folder; a copy's dependencies lie no deeper

struct CloseDirectory {
    void operator()(DIR* open) const noexcept { ::closedir(open); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::string text_of(int code) {
    return std::generic_category().message(code);
}

int open_folder(int at, const char* name) noexcept {
    return ::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Removes everything in the folder and follows no link. It avoids std::filesystem, which throws.
void remove_contents(int folder, int depth) noexcept {
    const int again = open_folder(folder, ".");  // closedir() closes it
    const Directory open(again >= 0 ? ::fdopendir(again) : nullptr);
    if (open == nullptr) {
        if (again >= 0) {
            ::close(again);
        }
        return;
    }
    while (const dirent* entry = ::readdir(open.get())) {
        if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (::unlinkat(folder, entry->d_name, 0) == 0 || depth == depth_max) {
            continue;
        }
        if (const int inner = open_folder(folder, entry->d_name); inner >= 0) {
            remove_contents(inner, depth + 1);
            ::close(inner);
            ::unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
}

}  // namespace

base::Result<std::unique_ptr<LibraryFolder>> LibraryFolder::make(const std::string& place) {
    struct statvfs system {};
    if (::statvfs(place.c_str(), &system) != 0) {
        return base::Failure{text_of(errno)};
    }
    if ((system.f_flag & ST_NOEXEC) != 0) {
        return base::Failure{"mounted noexec"};
    }
    std::unique_ptr<LibraryFolder> folder(new LibraryFolder);
    std::string made;
    // Until the folder is locked, another process may remove it as a leftover.
    constexpr int tries = 10;
    for (int i = 0; i < tries; ++i) {
        made = place + "/" + std::string(prefix) + "XXXXXX";
        if (::mkdtemp(made.data()) == nullptr) {
            return base::Failure{text_of(errno)};
        }
        folder->lock_ = open_folder(AT_FDCWD, made.c_str());
        if (folder->lock_ >= 0) {
            struct stat there {};
            struct stat ours {};
            if (::flock(folder->lock_, LOCK_EX | LOCK_NB) == 0 &&
                ::fstat(folder->lock_, &ours) == 0 && ::lstat(made.c_str(), &there) == 0 &&
                there.st_ino == ours.st_ino && there.st_dev == ours.st_dev) {
                folder->path_ = std::move(made);
                return folder;
            }
            ::close(folder->lock_);
            folder->lock_ = -1;
        } else if (errno != ENOENT) {
            const int code = errno;
            ::rmdir(made.c_str());
            return base::Failure{text_of(code)};
        }
        ::rmdir(made.c_str());  // it is still there if the file system has no locks
    }
    return base::Failure{"a folder there cannot be locked"};
}

LibraryFolder::~LibraryFolder() {
    if (lock_ >= 0) {
        remove_contents(lock_, 0);
        ::rmdir(path_.c_str());
        ::close(lock_);
    }
}

void LibraryFolder::remove_leftovers(const std::string& place) noexcept {
    const Directory open(::opendir(place.c_str()));
    if (open == nullptr) {
        return;
    }
    while (const dirent* entry = ::readdir(open.get())) {
        if (!std::string_view(entry->d_name).starts_with(prefix)) {
            continue;
        }
        const int folder = open_folder(::dirfd(open.get()), entry->d_name);
        if (folder < 0) {
            continue;
        }
        struct stat is {};
        if (::fstat(folder, &is) == 0 && is.st_uid == ::geteuid() &&
            ::flock(folder, LOCK_EX | LOCK_NB) == 0) {
            remove_contents(folder, 0);
            ::unlinkat(::dirfd(open.get()), entry->d_name, AT_REMOVEDIR);
        }
        ::close(folder);
    }
}

std::vector<std::string> LibraryFolder::temporary_places() {
    std::vector<std::string> places;
    for (const char* name : {"TMPDIR", "XDG_RUNTIME_DIR"}) {
        const char* value = std::getenv(name);
        // A relative path would change with the working directory.
        if (value != nullptr && value[0] == '/') {
            places.emplace_back(value);
        } else if (std::string_view(name) == "TMPDIR") {
            places.emplace_back("/tmp");
        }
    }
    places.emplace_back("/var/tmp");
    return places;
}

}  // namespace portico::plugin
