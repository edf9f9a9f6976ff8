#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "io/private_file.hpp"

namespace portico::io {

base::Result<void> check_private(const std::string& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) {
        return base::Failure{file + ": " + std::generic_category().message(errno)};
    }
    if (constexpr mode_t others = S_IRWXG | S_IRWXO; (found.st_mode & others) != 0) {
        char mode[16];
        std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(found.st_mode & 07777));
        return base::Failure{file + " may be used by other accounts (mode " + mode +
                             "): chmod 600 it"};
    }
    return {};
}

}  // namespace portico::io
