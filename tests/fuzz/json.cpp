// Any text, given to the configuration's JSON reader. It accepts what the JSON library accepts,
// except what it says it refuses. The text's normal form means the same and is its own normal form.
// An error is one clean sentence at a place that exists.
#include <algorithm>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "config/json_source.hpp"
#include "config/utf8.hpp"

using namespace portico;
using Json = nlohmann::json;

namespace {

bool repeats_keys(const config::Node& node) {
    return node.first_line != 0 ||
           std::any_of(node.children.begin(), node.children.end(), repeats_keys);
}

void check_lines(const config::Node& node, int lines) {
    PORTICO_ASSERT(node.line >= 1 && node.line <= lines && node.first_line <= node.line);
    for (const config::Node& child : node.children) {
        PORTICO_ASSERT(child.line >= node.line || node.kind == config::Node::Kind::array);
        check_lines(child, lines);
    }
}

void check_sentence(std::string_view text) {
    PORTICO_ASSERT(!config::first_invalid(text).has_value());
    for (std::size_t at = 0; at < text.size();) {
        const config::CodePoint point = config::decode(text, at);
        PORTICO_ASSERT(!config::is_control(point.value));
        at += point.size;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto lines = 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    const config::Parsed parsed = config::parse_json(text);
    const Json reference = Json::parse(text, nullptr, false, true);
    if (!parsed.error.text.empty()) {
        PORTICO_ASSERT(parsed.error.line >= 1 && parsed.error.line <= lines &&
                       parsed.error.column >= 1);
        PORTICO_ASSERT(static_cast<std::size_t>(parsed.error.column) <= size + 1);
        PORTICO_ASSERT(parsed.error.text.starts_with("found "));
        check_sentence(parsed.error.text);
        const bool refused_by_rule = parsed.error.text.find("brackets open at once") !=
                                         std::string::npos ||
                                     config::first_invalid(text).has_value() ||
                                     text.find('\0') != std::string::npos ||
                                     text.starts_with("\xEF\xBB\xBF\xEF\xBB\xBF");
        PORTICO_ASSERT(refused_by_rule || reference.is_discarded());
        return 0;
    }
    PORTICO_ASSERT(!reference.is_discarded());
    check_lines(parsed.root, lines);
    check_sentence(config::describe(parsed.root));
    const std::string normal = config::to_json_text(parsed.root);
    const config::Parsed again = config::parse_json(normal);
    PORTICO_ASSERT(again.error.text.empty() && config::to_json_text(again.root) == normal);
    PORTICO_ASSERT(!repeats_keys(again.root));
    if (!repeats_keys(parsed.root)) {
        PORTICO_ASSERT(Json::parse(normal) == reference);
    }
    return 0;
}
