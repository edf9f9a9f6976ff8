#include "plugin/settings_reader.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>

#include "config/json_source.hpp"
#include "config/mistakes.hpp"
#include "config/suggest.hpp"
#include "config/utf8.hpp"

namespace portico::plugin {

namespace {

using config::Node;

constexpr std::size_t failure_characters_max = 1'024;

// A key is a JSON pointer without the leading slash.
bool is_path(std::string_view key) noexcept {
    for (std::size_t at = key.find('~'); at != std::string_view::npos; at = key.find('~', at + 1)) {
        if (at + 1 == key.size() || (key[at + 1] != '0' && key[at + 1] != '1')) {
            return false;
        }
    }
    return true;
}

// True if `step` of a path, in which '/' and '~' are escaped, names `key`.
bool names(std::string_view step, std::string_view key) noexcept {
    for (const char letter : key) {
        const std::string_view written = letter == '~'   ? "~0"
                                         : letter == '/' ? "~1"
                                                         : std::string_view(&letter, 1);
        if (!step.starts_with(written)) {
            return false;
        }
        step.remove_prefix(written.size());
    }
    return step.empty();
}

const Node* child_of(const Node& node, std::string_view step) noexcept {
    if (node.kind == Node::Kind::object) {
        const auto found = std::find_if(node.children.begin(), node.children.end(),
                                        [&](const Node& child) { return names(step, child.key); });
        return found != node.children.end() ? &*found : nullptr;
    }
    if (node.kind != Node::Kind::array || step.empty() ||
        (step.size() > 1 && step.front() == '0')) {
        return nullptr;
    }
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(step.data(), step.data() + step.size(), index);
    const bool is_index = code == std::errc() && end == step.data() + step.size();
    return is_index && index < node.children.size() ? &node.children[index] : nullptr;
}

bool fits_64_bits(const Node& integer) noexcept {
    return integer.magnitude <= static_cast<std::uint64_t>(INT64_MAX) + (integer.negative ? 1 : 0);
}

std::string number_text(double value) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// "/a/0/b" -> ".a[0].b", as errors write paths.
std::string path_text(const std::string& pointer) {
    std::string text;
    std::size_t at = 0;
    while (at < pointer.size()) {
        const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
        const std::string part = pointer.substr(at + 1, end - at - 1);
        const bool is_index = !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
            return c >= '0' && c <= '9';
        });
        text += is_index ? "[" + part + "]" : "." + part;
        at = end;
    }
    return text;
}

}  // namespace

struct SettingsReader::Document {
    const config::Settings& settings;
    Node root;
    // pointers of values that were read, and of objects and arrays around them
    std::set<std::string, std::less<>> read;
    std::set<std::string, std::less<>> whole;      // pointers below which everything counts as read
    std::set<std::string, std::less<>> looked_at;  // pointers of which only the kind was asked
    bool is_used = false;                          // the plugin has called a function

    explicit Document(const config::Settings& from) : settings(from) {
        config::Parsed parsed = config::parse_json(from.json);
        if (!parsed.error.text.empty()) {
            throw std::invalid_argument(place("") + parsed.error.text);
        }
        root = std::move(parsed.root);
    }

    [[nodiscard]] std::string place(const std::string& pointer) const {
        std::string text;
        if (!settings.file.empty()) {
            // A value that is not in the file has the place of what it would lie in.
            std::string_view at = pointer;
            int line = settings.lines.of(at);
            while (line == 0 && !at.empty()) {
                at = at.substr(0, at.rfind('/'));
                line = settings.lines.of(at);
            }
            text = settings.file + (line != 0 ? ":" + std::to_string(line) : "") + ": ";
        }
        return text + (settings.path.empty() ? "settings" : settings.path) + path_text(pointer) +
               ": ";
    }

    // Null if it is absent. Marks what it lies in as read, and the value itself if `reads`. Throws
    // if the key is no path.
    [[nodiscard]] const Node* find(std::string_view key, std::string& pointer, bool reads = true) {
        is_used = true;
        if (!is_path(key)) {
            throw std::invalid_argument("a setting's key is no path");
        }
        pointer = key.empty() ? std::string() : "/" + std::string(key);
        const Node* node = &root;
        for (std::size_t begin = 0; begin < pointer.size();) {
            const std::size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
            (reads || end != pointer.size() ? read : looked_at).insert(pointer.substr(0, end));
            node = node != nullptr ? child_of(*node, std::string_view(pointer).substr(
                                                         begin + 1, end - begin - 1))
                                   : nullptr;
            begin = end;
        }
        return node;
    }

    [[nodiscard]] std::string found_expected(const Node& found, const std::string& pointer,
                                             const std::string& expected) const {
        return place(pointer) + "found " + config::describe(found) + ", expected " + expected;
    }

    void collect_unread(const Node& value, const std::string& pointer,
                        std::vector<std::string>& lines) const {
        if (whole.contains(pointer)) {
            return;
        }
        const bool looked_into = pointer.empty() || read.contains(pointer);
        if (!looked_into) {
            const std::size_t slash = pointer.rfind('/');
            const std::string parent = pointer.substr(0, slash + 1);
            std::vector<std::string_view> known;
            for (const auto* pointers : {&read, &looked_at}) {
                for (const std::string& asked : *pointers) {
                    if (asked.starts_with(parent) && asked != pointer &&
                        asked.find('/', parent.size()) == std::string::npos) {
                        known.push_back(std::string_view(asked).substr(parent.size()));
                    }
                }
            }
            const std::string_view near = config::nearest(
                std::string_view(pointer).substr(slash + 1), known);
            lines.push_back(place(pointer) + "unknown setting of this plugin" +
                            (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
            return;
        }
        for (std::size_t i = 0; i < value.children.size(); ++i) {
            const Node& child = value.children[i];
            std::string step;
            if (value.kind == Node::Kind::array) {
                step = std::to_string(i);
            } else {
                for (const char c : child.key) {
                    step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
                }
            }
            collect_unread(child, pointer + "/" + step, lines);
        }
    }
};

SettingsReader::SettingsReader(const config::Settings& settings)
    : document_(std::make_unique<Document>(settings)) {}

SettingsReader::~SettingsReader() = default;

SettingsReader::Read SettingsReader::boolean(std::string_view key, bool& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (found->kind != Node::Kind::boolean) {
        error_ = document_->found_expected(*found, pointer, "true or false");
        return Read::wrong_type;
    }
    value = found->boolean;
    return Read::ok;
}

SettingsReader::Read SettingsReader::integer(std::string_view key, std::int64_t minimum,
                                             std::int64_t maximum, std::int64_t& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    const bool is_integer = found->kind == Node::Kind::integer && fits_64_bits(*found);
    const auto read = static_cast<std::int64_t>(found->negative ? 0 - found->magnitude
                                                                : found->magnitude);
    if (!is_integer || read < minimum || read > maximum) {
        error_ = document_->found_expected(
            *found, pointer,
            "an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
        return Read::wrong_type;
    }
    value = read;
    return Read::ok;
}

SettingsReader::Read SettingsReader::number(std::string_view key, double minimum, double maximum,
                                            double& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    const bool is_integer = found->kind == Node::Kind::integer;
    const double magnitude = is_integer ? static_cast<double>(found->magnitude) : found->real;
    const double read = is_integer && found->negative ? -magnitude : magnitude;
    if ((!is_integer && found->kind != Node::Kind::real) || read < minimum || read > maximum) {
        error_ = document_->found_expected(
            *found, pointer,
            "a number from " + number_text(minimum) + " to " + number_text(maximum));
        return Read::wrong_type;
    }
    value = read;
    return Read::ok;
}

SettingsReader::Read SettingsReader::string(std::string_view key, std::string_view& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (found->kind != Node::Kind::string) {
        error_ = document_->found_expected(*found, pointer, "a string");
        return Read::wrong_type;
    }
    value = found->text;
    return Read::ok;
}

SettingsReader::Read SettingsReader::count(std::string_view key, std::uint64_t& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (found->kind != Node::Kind::array && found->kind != Node::Kind::object) {
        error_ = document_->found_expected(*found, pointer, "an array or an object");
        return Read::wrong_type;
    }
    value = found->children.size();
    return Read::ok;
}

SettingsReader::Read SettingsReader::anything(std::string_view key) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    document_->whole.insert(pointer);
    return found == nullptr ? Read::not_found : Read::ok;
}

SettingsReader::Read SettingsReader::kind(std::string_view key, Kind& value) {
    std::string pointer;
    const Node* found = document_->find(key, pointer, false);
    if (found == nullptr) {
        return Read::not_found;
    }
    switch (found->kind) {
        case Node::Kind::null: value = Kind::null; break;
        case Node::Kind::boolean: value = Kind::boolean; break;
        case Node::Kind::integer:
            value = fits_64_bits(*found) ? Kind::integer : Kind::number;
            break;
        case Node::Kind::real: value = Kind::number; break;
        case Node::Kind::string: value = Kind::string; break;
        case Node::Kind::array: value = Kind::array; break;
        case Node::Kind::object: value = Kind::object; break;
    }
    return Read::ok;
}

SettingsReader::Read SettingsReader::key(std::string_view key, std::uint64_t index,
                                         std::string_view& name) {
    std::string pointer;
    const Node* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (found->kind != Node::Kind::object) {
        error_ = document_->found_expected(*found, pointer, "an object");
        return Read::wrong_type;
    }
    if (index >= found->children.size()) {
        return Read::not_found;
    }
    name = found->children[static_cast<std::size_t>(index)].key;
    return Read::ok;
}

void SettingsReader::fail(std::string_view key, std::string_view text) {
    std::string pointer;
    static_cast<void>(document_->find(key, pointer));
    if (failures_.size() == config::mistakes_reported_max) {
        ++failures_not_kept_;
        return;
    }
    failures_.push_back(document_->place(pointer) + config::excerpt(text, failure_characters_max));
}

std::vector<std::string> SettingsReader::failures() const {
    std::vector<std::string> lines = failures_;
    if (failures_not_kept_ != 0) {
        lines.push_back(config::more_mistakes(failures_not_kept_));
    }
    return lines;
}

std::vector<std::string> SettingsReader::unread() const {
    std::vector<std::string> lines;
    if (document_->is_used) {
        document_->collect_unread(document_->root, "", lines);
    }
    return lines;
}

}  // namespace portico::plugin
