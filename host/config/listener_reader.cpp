#include "config/listener_reader.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "config/framing_reader.hpp"
#include "config/limits_reader.hpp"
#include "config/upstream_reader.hpp"
#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

namespace {

struct Place {
    std::string path;
    int line = 0;
};

std::string text_of(const Place& place) {
    return place.path + " on line " + std::to_string(place.line);
}

// The names and addresses that are taken, each with the listener that has it.
struct Taken {
    std::map<std::string, Place> names;
    std::map<std::pair<std::string, std::uint16_t>, Place> addresses;
};

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool ends_with_library_suffix(std::string_view name) {
    for (const std::string_view suffix : {std::string_view(".dll"), std::string_view(".so")}) {
        if (name.size() >= suffix.size() &&
            std::equal(suffix.begin(), suffix.end(),
                       name.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                       [](char expected, char found) { return expected == lower(found); })) {
            return true;
        }
    }
    return false;
}

void read_plugin(ObjectReader& reader, std::string& plugin) {
    const std::string expected =
        "a plugin's name, such as \"echo\": the name of its file without folder and suffix";
    const Node* node = reader.string("plugin", expected);
    if (node == nullptr) {
        if (reader.value("plugin") == nullptr) {
            reader.missing("plugin", expected);
        }
        return;
    }
    const std::string& name = node->text;
    if (ends_with_library_suffix(name)) {
        reader.mistake("plugin", *node,
                       "the name without its suffix, which the host adds (\".dll\" on Windows, "
                       "\".so\" on Linux)");
    } else if (name.find_first_of("/\\:") != std::string::npos ||
               name.find("..") != std::string::npos) {
        reader.mistake(
            "plugin", *node,
            "a name without \"/\", \"\\\", \":\" and \"..\"; the folder is \"plugin_directory\"");
    } else if (!is_one_word(name)) {
        reader.mistake("plugin", *node, one_word);
    } else {
        plugin = name;
    }
}

// An unnamed listener takes its plugin's name unless that name is taken.
void read_name(ObjectReader& reader, Listener& listener, Taken& taken) {
    const Node* node = reader.string("name", one_word);
    const bool absent = reader.value("name") == nullptr;
    if (node != nullptr && !is_one_word(node->text)) {
        reader.mistake("name", *node, one_word);
        return;
    }
    listener.name = node != nullptr ? node->text : absent ? listener.plugin : "";
    if (listener.name.empty()) {
        return;
    }
    const auto [other, inserted] = taken.names.emplace(
        listener.name, Place{reader.path(), node != nullptr ? node->line : listener.line});
    if (inserted) {
        return;
    }
    if (node != nullptr) {
        reader.mistake("name", *node,
                       "a name that no other listener has (" + text_of(other->second) + " has it)");
    } else {
        reader.missing("name", "a name, because the default, the plugin's name " +
                                   in_quotes(listener.plugin) + ", is taken (" +
                                   text_of(other->second) + " has it)");
    }
}

// Says what to write for an address in another program's notation; empty for anything else.
std::string meant_by(std::string_view text) {
    if (text.size() > excerpt_characters) {
        return {};  // too long to repeat
    }
    if (text.starts_with("unix:") || text.starts_with("/") || text.starts_with("@")) {
        return "a TCP address such as \"127.0.0.1:5000\": Unix sockets are not supported";
    }
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
        const std::string_view rest = text.substr(scheme + 3);
        return in_quotes(rest.substr(0, rest.find('/'))) + ": address and port alone";
    }
    const std::size_t colon = text.rfind(':');
    const std::string_view host = text.substr(0, colon);
    const std::string port(colon == std::string_view::npos ? "5000" : text.substr(colon + 1));
    if (host == "*" || (host.empty() && colon == 0)) {
        return in_quotes("0.0.0.0:" + port) + " for all IPv4 addresses of this machine, or " +
               in_quotes("[::]:" + port) + " for all IPv6 ones";
    }
    const bool is_bracketed = text.starts_with("[");
    if (is_bracketed ? text.ends_with("]")
                     : colon == std::string_view::npos &&
                           text.find_first_not_of("0123456789") != std::string_view::npos) {
        return in_quotes(std::string(text) + ":5000") + ", with a port";
    }
    if (!is_bracketed && host.find(':') != std::string_view::npos &&
        io::parse_address(std::string(host))) {
        return in_quotes("[" + std::string(host) + "]:" + port) +
               ": an IPv6 address needs brackets";
    }
    return {};
}

void read_listen(ObjectReader& reader, std::string& listen, Taken& taken) {
    const std::string expected =
        "an address such as \"127.0.0.1:5000\", \"[::1]:5000\", \"localhost:5000\" or \"5000\"";
    const Node* node = reader.string("listen", expected);
    if (node == nullptr) {
        if (reader.value("listen") == nullptr) {
            reader.missing("listen", expected);
        }
        return;
    }
    const std::string& text = node->text;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        if (is_control(point.value) || is_space(point.value)) {
            reader.mistake("listen", *node, expected + ", without spaces");
            return;
        }
        at += point.size;
    }
    if (const std::string meant = meant_by(text); !meant.empty()) {
        reader.mistake("listen", *node, meant);
        return;
    }
    auto parsed = io::parse_host_port(text);
    if (!parsed) {
        // It repeats the whole text before its reason.
        std::string_view reason = parsed.error();
        const std::string repeated = '"' + text + '"';
        reason.remove_prefix(reason.starts_with(repeated) ? repeated.size() : 0);
        reader.mistake("listen", "found " + in_quotes(text) + std::string(reason));
        return;
    }
    listen = text;
    if (parsed->port == 0) {
        return;  // any free port, so never the same
    }
    std::string host = parsed->host.empty() ? "127.0.0.1" : parsed->host;
    std::transform(host.begin(), host.end(), host.begin(), lower);
    const auto [other, inserted] = taken.addresses.emplace(std::pair(host, parsed->port),
                                                           Place{reader.path(), node->line});
    if (!inserted) {
        reader.mistake(
            "listen", *node,
            "an address that no other listener has (" + text_of(other->second) + " has it)");
    }
}

Settings read_settings(ObjectReader& reader, const std::string& file, int listener_line) {
    Settings settings;
    settings.file = file;
    settings.path = reader.path_of("settings");
    if (const Node* node = reader.object("settings")) {
        settings.json = to_json_text(*node);
        settings.lines = Lines(*node);
    } else {
        settings.lines = Lines(listener_line);  // a missing setting needs a place too
    }
    return settings;
}

Listener read_listener(const Node& node, const std::string& path, const std::string& file,
                       Taken& taken, Mistakes& mistakes) {
    ObjectReader reader(&node, path, mistakes);
    Listener listener;
    listener.line = node.line;
    read_plugin(reader, listener.plugin);
    read_name(reader, listener, taken);
    read_listen(reader, listener.listen, taken);
    listener.settings = read_settings(reader, file, listener.line);
    read_framing(reader.object_reader("framing"), listener.framing);
    read_limits(reader.object_reader("limits"), listener.limits);
    read_upstreams(reader.object_reader("upstreams"), listener.upstreams);
    reader.integer("blocking_threads", listener.blocking_threads, 1, 1'024);
    reader.reject_unknown_keys();
    return listener;
}

}  // namespace

std::vector<Listener> read_listeners(ObjectReader& root, const std::string& file,
                                     Mistakes& mistakes) {
    const std::string expected = "an array with at least one listener, [{...}]";
    std::vector<Listener> listeners;
    const Node* list = root.array("listeners", expected);
    if (list == nullptr) {
        if (root.value("listeners") == nullptr) {
            root.missing("listeners", expected);
        }
        return listeners;
    }
    if (list->children.empty()) {
        root.mistake("listeners", *list, expected);
    }
    Taken taken;
    for (std::size_t index = 0; index < list->children.size(); ++index) {
        const Node& node = list->children[index];
        const std::string path = element_path("listeners", index);
        if (node.kind == Node::Kind::object) {
            listeners.push_back(read_listener(node, path, file, taken, mistakes));
        } else {
            mistakes.add(node.line, path, found_expected(node, "a listener, {...}"));
        }
    }
    return listeners;
}

}  // namespace portico::config
