#include "plugin/settings_reader.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>

#include "config/json_source.hpp"
#include "config/suggest.hpp"

namespace portico::plugin {

namespace {

using config::Node;

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
    std::set<std::string, std::less<>> whole;  // pointers below which everything counts as read

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
            const int line = settings.lines.of(pointer);
            text = settings.file + (line != 0 ? ":" + std::to_string(line) : "") + ": ";
        }
        return text + (settings.path.empty() ? "settings" : settings.path) + path_text(pointer) +
               ": ";
    }

    // Null if it is absent. Marks it, and what it lies in, as read. Throws if the key is no path.
    [[nodiscard]] const Node* find(std::string_view key, std::string& pointer) {
        if (!is_path(key)) {
            throw std::invalid_argument("a setting's key is no path");
        }
        pointer = key.empty() ? std::string() : "/" + std::string(key);
        const Node* node = &root;
        for (std::size_t begin = 0; begin < pointer.size();) {
            const std::size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
            read.insert(pointer.substr(0, end));
            node = node != nullptr ? child_of(*node, std::string_view(pointer).substr(
                                                         begin + 1, end - begin - 1))
                                   : nullptr;
            begin = end;
        }
        read.insert(pointer);
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
            for (const std::string& asked : read) {
                if (asked.starts_with(parent) &&
                    asked.find('/', parent.size()) == std::string::npos) {
                    known.push_back(std::string_view(asked).substr(parent.size()));
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
    const std::uint64_t magnitude_max = static_cast<std::uint64_t>(INT64_MAX) +
                                        (found->negative ? 1 : 0);
    const bool is_integer = found->kind == Node::Kind::integer && found->magnitude <= magnitude_max;
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

std::vector<std::string> SettingsReader::unread() const {
    std::vector<std::string> lines;
    if (used_) {
        document_->collect_unread(document_->root, "", lines);
    }
    return lines;
}

}  // namespace portico::plugin
