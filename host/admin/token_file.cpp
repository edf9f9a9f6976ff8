#include "admin/token_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/path_text.hpp"
#include "io/private_file.hpp"

namespace portico::admin {

namespace {

constexpr std::size_t token_bytes_min = 16;
constexpr std::size_t token_bytes_max = 1'024;

}  // namespace

base::Result<std::string> read_token(const std::string& file) {
    errno = 0;
    std::ifstream stream(base::path_from_utf8(file), std::ios::binary);
    if (!stream) {
        return base::Failure{
            file + " cannot be read: " + std::error_code(errno, std::generic_category()).message()};
    }
    if (const base::Result<void> is_private = io::check_private(file); !is_private) {
        return base::Failure{is_private.error()};
    }
    std::string token(token_bytes_max + 3, '\0');
    stream.read(token.data(), static_cast<std::streamsize>(token.size()));
    token.resize(static_cast<std::size_t>(stream.gcount()));
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) {
        token.pop_back();
    }
    const bool is_printable = std::all_of(
        token.begin(), token.end(), [](char letter) { return letter > ' ' && letter < '\x7f'; });
    if (token.size() < token_bytes_min || token.size() > token_bytes_max || !is_printable) {
        return base::Failure{file +
                             " holds no token: expected one line of 16 to 1024 printable ASCII "
                             "characters without spaces"};
    }
    return token;
}

}  // namespace portico::admin
