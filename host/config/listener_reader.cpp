#include "config/listener_reader.hpp"

#include <algorithm>
#include <map>

#include "config/framing_reader.hpp"
#include "config/limits_reader.hpp"
#include "config/upstream_reader.hpp"
#include "config/utf8.hpp"

namespace portico::config {

namespace {

// What listeners have taken, each with its place.
struct Taken {
    std::map<std::string, Place> names;
    TakenAddresses& addresses;
};

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
    read_listen(reader, listener.listen, taken.addresses, mistakes);
    listener.settings = read_settings(reader, file, listener.line);
    read_framing(reader.object_reader("framing"), listener.framing);
    read_limits(reader.object_reader("limits"), listener.limits);
    read_upstreams(reader.object_reader("upstreams"), listener.upstreams);
    reader.integer("blocking_threads", listener.blocking_threads, 1, 1'024);
    reader.integer("executor_threads", listener.executor_threads, 1, 1'024);
    reader.integer("executor_queue", listener.executor_queue, 1, 65'536);
    if (reader.value("watchdog_ms") != nullptr) {
        reader.integer("watchdog_ms", listener.watchdog_ms.emplace(), 0, timeout_ms_max);
    }
    reader.reject_unknown_keys();
    return listener;
}

}  // namespace

std::vector<Listener> read_listeners(ObjectReader& root, const std::string& file,
                                     TakenAddresses& addresses, Mistakes& mistakes) {
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
    Taken taken{{}, addresses};
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
