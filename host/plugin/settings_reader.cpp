#include "plugin/settings_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "config/suggest.hpp"

namespace portico::plugin {

namespace {

using Json = nlohmann::json;

// An excerpt of a value, for an error.
std::string excerpt(const Json& value) {
    constexpr std::size_t excerpt_max = 40;
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > excerpt_max) {
        text.resize(excerpt_max);
        text += "...";
    }
    return text;
}

// "/a/0/b" -> ".a[0].b", as errors write paths.
std::string path_text(const std::string& pointer) {
    std::string text;
    std::size_t at = 0;
    while (at < pointer.size()) {
        const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
        const std::string part = pointer.substr(at + 1, end - at - 1);
        const bool is_index = !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
        text += is_index ? "[" + part + "]" : "." + part;
        at = end;
    }
    return text;
}

}  // namespace

struct SettingsReader::Document {
    const config::Settings& settings;
    Json root;
    std::set<std::string, std::less<>> read;   // pointers of values that were read, and of containers that were looked into
    std::set<std::string, std::less<>> whole;  // pointers below which everything counts as read

    explicit Document(const config::Settings& from) : settings(from), root(Json::parse(from.json)) {}

    [[nodiscard]] std::string place(const std::string& pointer) const {
        std::string text;
        if (!settings.file.empty()) {
            const auto line = settings.lines.find(pointer);
            text = settings.file + (line != settings.lines.end() ? ":" + std::to_string(line->second) : "") + ": ";
        }
        return text + (settings.path.empty() ? "settings" : settings.path) + path_text(pointer) + ": ";
    }

    // Null when it is not there. Marks it, and what it lies in, as read. Throws where the key is no path.
    [[nodiscard]] const Json* find(std::string_view key, std::string& pointer) {
        pointer = key.empty() ? std::string() : "/" + std::string(key);
        for (std::size_t slash = pointer.find('/', 1); slash != std::string::npos; slash = pointer.find('/', slash + 1)) {
            read.insert(pointer.substr(0, slash));
        }
        read.insert(pointer);
        const Json::json_pointer at(pointer);
        try {
            return root.contains(at) ? &root.at(at) : nullptr;
        } catch (const Json::out_of_range&) {
            return nullptr;  // contains() throws for an array's index that is empty or has more than 64 bits: a path, to nothing
        }
    }

    void collect_unread(const Json& value, const std::string& pointer, std::vector<std::string>& lines) const {
        if (whole.contains(pointer)) {
            return;
        }
        const bool looked_into = pointer.empty() || read.contains(pointer);
        if (!looked_into) {
            const std::size_t slash = pointer.rfind('/');
            const std::string parent = pointer.substr(0, slash + 1);
            std::vector<std::string_view> known;
            for (const std::string& asked : read) {
                if (asked.starts_with(parent) && asked.find('/', parent.size()) == std::string::npos) {
                    known.push_back(std::string_view(asked).substr(parent.size()));
                }
            }
            const std::string_view near = config::nearest(std::string_view(pointer).substr(slash + 1), known);
            lines.push_back(place(pointer) + "unknown setting of this plugin" +
                            (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
            return;
        }
        if (value.is_object()) {
            for (const auto& [name, member] : value.items()) {
                std::string escaped;
                for (const char c : name) {
                    escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
                }
                collect_unread(member, pointer + "/" + escaped, lines);
            }
        } else if (value.is_array()) {
            for (std::size_t i = 0; i < value.size(); ++i) {
                collect_unread(value[i], pointer + "/" + std::to_string(i), lines);
            }
        }
    }
};

SettingsReader::SettingsReader(const config::Settings& settings) : document_(std::make_unique<Document>(settings)) {}

SettingsReader::~SettingsReader() = default;

SettingsReader::Read SettingsReader::boolean(std::string_view key, bool& value) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (!found->is_boolean()) {
        error_ = document_->place(pointer) + "found " + excerpt(*found) + ", expected true or false";
        return Read::wrong_type;
    }
    value = found->get<bool>();
    return Read::ok;
}

SettingsReader::Read SettingsReader::integer(std::string_view key, std::int64_t minimum, std::int64_t maximum, std::int64_t& value) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    const bool too_large = found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
    if (!found->is_number_integer() || too_large || found->get<std::int64_t>() < minimum || found->get<std::int64_t>() > maximum) {
        error_ = document_->place(pointer) + "found " + excerpt(*found) + ", expected an integer from " + std::to_string(minimum) +
                 " to " + std::to_string(maximum);
        return Read::wrong_type;
    }
    value = found->get<std::int64_t>();
    return Read::ok;
}

SettingsReader::Read SettingsReader::number(std::string_view key, double minimum, double maximum, double& value) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (!found->is_number() || found->get<double>() < minimum || found->get<double>() > maximum) {
        error_ = document_->place(pointer) + "found " + excerpt(*found) + ", expected a number from " + Json(minimum).dump() + " to " +
                 Json(maximum).dump();
        return Read::wrong_type;
    }
    value = found->get<double>();
    return Read::ok;
}

SettingsReader::Read SettingsReader::string(std::string_view key, std::string_view& value) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (!found->is_string()) {
        error_ = document_->place(pointer) + "found " + excerpt(*found) + ", expected a string";
        return Read::wrong_type;
    }
    value = found->get_ref<const std::string&>();
    return Read::ok;
}

SettingsReader::Read SettingsReader::count(std::string_view key, std::uint64_t& value) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
    if (found == nullptr) {
        return Read::not_found;
    }
    if (!found->is_array() && !found->is_object()) {
        error_ = document_->place(pointer) + "found " + excerpt(*found) + ", expected an array or an object";
        return Read::wrong_type;
    }
    value = found->size();
    return Read::ok;
}

SettingsReader::Read SettingsReader::anything(std::string_view key) {
    std::string pointer;
    const Json* found = document_->find(key, pointer);
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
