#include "cli/input_file.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/path_text.hpp"

namespace portico::client {

base::Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max) {
    const auto cannot = [&](const std::string& why) {
        return base::Failure{"cannot read \"" + path + "\": " + why};
    };
    const std::filesystem::path native = base::path_from_utf8(path);
    if (std::error_code ignored; std::filesystem::is_directory(native, ignored)) {
        return cannot("it is a folder");
    }
    std::ifstream file(native, std::ios::binary);
    if (!file) {
        return cannot(std::generic_category().message(errno));
    }
    std::string bytes;
    char part[65'536];
    while (file.read(part, sizeof part) || file.gcount() != 0) {
        bytes.append(part, static_cast<std::size_t>(file.gcount()));
        if (bytes.size() > bytes_max) {
            return cannot("it has more than " + std::to_string(bytes_max) + " bytes");
        }
    }
    if (file.bad()) {
        return cannot(std::generic_category().message(errno));
    }
    return bytes;
}

}  // namespace portico::client
