#include "config/path_reader.hpp"

#include <filesystem>
#include <system_error>

#include "base/path_text.hpp"
#include "config/utf8.hpp"

namespace portico::config {

namespace {

namespace fs = std::filesystem;

// Relative paths start at the configuration's own directory, not at the program's working
// directory.
std::string absolute_path(std::string_view text, const std::string& file) {
    const fs::path directory = file.empty()
                                   ? fs::current_path()
                                   : fs::absolute(base::path_from_utf8(file)).parent_path();
    return base::utf8_from_path(
        (directory / base::path_from_utf8(text)).lexically_normal().make_preferred());
}

}  // namespace

void read_path(ObjectReader& reader, std::string_view key, std::string_view what,
               const std::string& file, std::string& out) {
    const Node* node = reader.string(key, what);
    if (node == nullptr || node->text.empty()) {
        return;
    }
    for (std::size_t at = 0; at < node->text.size();) {
        const CodePoint point = decode(node->text, at);
        if (is_control(point.value)) {
            // JSON reads "C:\temp" as C:, a tab and emp.
            reader.mistake(
                key, *node,
                std::string(what) +
                    " without control characters (a backslash is written \\\\, or use \"/\")");
            return;
        }
        at += point.size;
    }
    try {
        out = absolute_path(node->text, file);
    } catch (const std::system_error& error) {
        reader.mistake(
            key, *node,
            std::string(what) + " that can be made absolute (" + error.code().message() + ")");
    }
}

}  // namespace portico::config
