#include <sys/stat.h>

#include "report/path_kind.hpp"

namespace portico::client {

PathKind kind_of(const std::filesystem::path& path) noexcept {
    struct stat its {};
    if (::lstat(path.c_str(), &its) != 0) {
        return PathKind::absent;  // or out of reach: then opening it fails
    }
    return S_ISREG(its.st_mode)   ? PathKind::plain_file
           : S_ISDIR(its.st_mode) ? PathKind::folder
           : S_ISLNK(its.st_mode) ? PathKind::link
                                  : PathKind::other;
}

}  // namespace portico::client
