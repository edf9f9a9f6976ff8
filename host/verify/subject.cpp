#include "verify/subject.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/path_text.hpp"
#include "config/load.hpp"

namespace portico::verify {

namespace {

namespace fs = std::filesystem;
using config::Framing;

// For a plugin that is verified without a configuration. One that takes any framing need not care
// how its bytes come, so it gets whole messages.
Framing framing_for(const portico_plugin& plugin) {
    Framing framing;
    if ((plugin.framing & PORTICO_FRAMING_NONE) != 0) {
        framing.type = Framing::Type::none;
    } else if (plugin.framing == PORTICO_FRAMING_ANY ||
               (plugin.framing & PORTICO_FRAMING_DELIMITER) != 0) {
        framing.type = Framing::Type::delimiter;
    } else {
        framing.type = Framing::Type::length_prefix;
    }
    return framing;
}

std::string text_of(const Framing& framing) {
    switch (framing.type) {
        case Framing::Type::none: return "none";
        case Framing::Type::delimiter: return "delimiter " + shown(framing.delimiter);
        case Framing::Type::length_prefix: break;
    }
    return "length_prefix of " + std::to_string(framing.prefix_bytes) + " bytes";
}

// The listener that a configuration has for the plugin.
base::Result<config::Listener> listener_of(const std::string& file, const std::string& name) {
    config::Loaded loaded = config::load_file(file);
    if (!loaded.mistakes.empty()) {
        return base::Failure{loaded.mistakes.front()};
    }
    const auto found = std::find_if(
        loaded.config.listeners.begin(), loaded.config.listeners.end(),
        [&](const config::Listener& listener) { return listener.plugin == name; });
    if (found != loaded.config.listeners.end()) {
        return *found;
    }
    if (loaded.config.listeners.size() == 1) {
        return loaded.config.listeners.front();
    }
    return base::Failure{file + ": no listener has the plugin \"" + name + "\""};
}

base::Result<std::string> read_file(const std::string& name) {
    std::ifstream in(base::path_from_utf8(name), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
        return base::Failure{name + ": cannot be read"};
    }
    return text.str();
}

}  // namespace

PluginPlace place_of(const std::string& plugin) {
    const std::size_t hash = plugin.rfind('#');
    const std::string file = plugin.substr(0, hash);
    const std::string wanted = hash == std::string::npos ? "" : plugin.substr(hash);
    const fs::path path = base::path_from_utf8(file);
    std::string name = base::utf8_from_path(path.filename());
    if (name.ends_with(plugin::Library::suffix())) {
        name.resize(name.size() - std::string_view(plugin::Library::suffix()).size());
    }
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path();
    return {parent.empty() ? std::string()
                           : base::utf8_from_path(fs::absolute(parent).lexically_normal()),
            name + wanted};
}

base::Result<std::unique_ptr<Prepared>> prepare(const VerifyOptions& options) {
    auto prepared = std::make_unique<Prepared>();
    const PluginPlace place = place_of(options.plugin);
    // A bare name is a file here, or one of the host's plugins.
    std::string directory = place.directory;
    if (directory.empty()) {
        const fs::path here = fs::current_path();
        const std::string file = place.name.substr(0, place.name.find('#')) +
                                 plugin::Library::suffix();
        directory = fs::is_regular_file(here / base::path_from_utf8(file))
                        ? base::utf8_from_path(here)
                        : options.plugin_directory;
    }
    base::Result<plugin::Loaded> loaded = plugin::load(directory, place.name, prepared->copies);
    if (!loaded) {
        return base::Failure{loaded.error()};
    }
    prepared->loaded = *std::move(loaded);
    const portico_plugin& table = *prepared->loaded.table;
    Subject& subject = prepared->subject;
    if (!options.config.empty()) {
        base::Result<config::Listener> listener = listener_of(options.config, place.name);
        if (!listener) {
            return base::Failure{listener.error()};
        }
        subject.listener = *listener;
        if (const std::string fault = plugin::framing_fault(table, subject.listener.framing);
            !fault.empty()) {
            return base::Failure{options.config + ": " + fault};
        }
    } else {
        subject.listener.name = "verified";
        subject.listener.plugin = place.name;
        subject.listener.framing = framing_for(table);
    }
    subject.plugin = &table;
    subject.seed = options.seed;
    subject.seeds = options.seeds;
    subject.kept = options.kept;
    subject.script = default_script(subject.listener.framing);
    if (!options.script.empty()) {
        base::Result<std::string> text = read_file(options.script);
        if (!text) {
            return base::Failure{text.error()};
        }
        base::Result<Script> script = parse_script(*text);
        if (!script) {
            return base::Failure{options.script + ": " + script.error()};
        }
        subject.script = *script;
    }
    prepared->facts = {std::string(table.name, static_cast<std::size_t>(table.name_size)),
                       std::string(table.version, static_cast<std::size_t>(table.version_size)),
                       prepared->loaded.path, text_of(subject.listener.framing)};
    return prepared;
}

}  // namespace portico::verify
