#include "plugin/loader.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/path_text.hpp"

namespace portico::plugin {

namespace {

constexpr const char* in_the_program = "linked into the program";

std::string version_text(std::uint32_t major, std::uint32_t minor) {
    return std::to_string(major) + "." + std::to_string(minor);
}

std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

// "available: ack, echo", or what is wrong with the directory; and what the program has.
std::string what_is_there(const std::string& directory, const LinkedModules& linked) {
    std::vector<std::string> own;
    for (const auto& [name, module] : linked) {
        own.push_back(name);
    }
    const std::string in_program = own.empty() ? "" : "; in the program: " + list_of(own);
    base::Result<std::vector<std::string>> names = Library::names_in(directory);
    if (!names) {
        return "the plugin directory cannot be read: " + names.error() + in_program;
    }
    if (names->empty()) {
        return "there is no plugin in that directory" + in_program;
    }
    std::sort(names->begin(), names->end());
    return "available: " + list_of(*names) + in_program;
}

// At most 64 bytes of printable ASCII without spaces: such a text needs no quotes in the log or in
// a configuration.
bool is_label(const char* text, std::uint64_t size) noexcept {
    return size == 0 ||
           (text != nullptr && size <= 64 &&
            std::all_of(text, text + size, [](char c) { return c > ' ' && c < '\x7f'; }));
}

// Says what is wrong with the table; empty if nothing is.
std::string fault_of(const portico_plugin& plugin) {
    if (plugin.struct_size < sizeof(portico_plugin) || plugin.struct_size % 8 != 0) {
        return "its table has struct_size " + std::to_string(plugin.struct_size) + ", expected " +
               std::to_string(sizeof(portico_plugin));
    }
    if (plugin.abi_major != PORTICO_ABI_MAJOR || plugin.abi_minor != PORTICO_ABI_MINOR ||
        plugin.abi_required > PORTICO_ABI_MINOR) {
        // While the major version is 0 the minor one must match as well.
        return "it is built for version " +
               version_text(plugin.abi_major, std::max(plugin.abi_minor, plugin.abi_required)) +
               " of the plugin ABI, this host speaks " +
               version_text(PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR) +
               ": rebuild it with this host's SDK";
    }
    constexpr std::uint32_t known_flags = PORTICO_PLUGIN_SERIAL | PORTICO_PLUGIN_BLOCKING |
                                          PORTICO_PLUGIN_UNLOADABLE;
    if ((plugin.flags & ~known_flags) != 0) {
        return "it has unknown flags (" + std::to_string(plugin.flags & ~known_flags) + ")";
    }
    constexpr std::uint32_t known_framing = PORTICO_FRAMING_NONE | PORTICO_FRAMING_DELIMITER |
                                            PORTICO_FRAMING_LENGTH_PREFIX;
    if (plugin.framing != PORTICO_FRAMING_ANY && (plugin.framing & known_framing) == 0) {
        return "it needs a framing that this host does not have (" +
               std::to_string(plugin.framing) + ")";
    }
    if (plugin.reserved != 0) {
        return "a reserved member of its table is not zero";
    }
    if (plugin.name_size == 0 || !is_label(plugin.name, plugin.name_size)) {
        return "its name is missing, longer than 64 bytes, or not printable ASCII without spaces";
    }
    if (!is_label(plugin.version, plugin.version_size)) {
        return "its version is missing, longer than 64 bytes, or not printable ASCII without "
               "spaces";
    }
    if (plugin.create == nullptr || plugin.destroy == nullptr) {
        return "a required function (create, destroy) is missing";
    }
    if (plugin.callbacks == nullptr) {
        return "its table has no callbacks";
    }
    if (plugin.callbacks->struct_size < sizeof(portico_callbacks) ||
        plugin.callbacks->struct_size % 8 != 0) {
        return "its callbacks have struct_size " + std::to_string(plugin.callbacks->struct_size) +
               ", expected " + std::to_string(sizeof(portico_callbacks));
    }
    if (plugin.callbacks->reserved != 0) {
        return "a reserved member of its callbacks is not zero";
    }
    if (plugin.callbacks->on_data == nullptr) {
        return "a required callback (on_data) is missing";
    }
    return {};
}

// The name of a table that need not be sound; empty if there is none.
std::string name_of(const portico_plugin* plugin) {
    if (plugin == nullptr || !PORTICO_HAS(portico_plugin, plugin, name_size) ||
        plugin->name_size == 0 || !is_label(plugin->name, plugin->name_size)) {
        return {};
    }
    return std::string(plugin->name, plugin->name_size);
}

std::string framing_text(std::uint32_t mask) {
    std::string text;
    const auto add = [&](std::uint32_t bit, const char* name) {
        if ((mask & bit) != 0) {
            text += (text.empty() ? "" : " or ") + std::string(name);
        }
    };
    add(PORTICO_FRAMING_NONE, "none");
    add(PORTICO_FRAMING_DELIMITER, "\"delimiter\"");
    add(PORTICO_FRAMING_LENGTH_PREFIX, "\"length_prefix\"");
    return text;
}

}  // namespace

base::Result<const portico_plugin*> check_module(const portico_module* module,
                                                 const std::string& file_name,
                                                 const std::string& wanted) {
    if (module == nullptr) {
        return base::Failure{"it does not speak version " +
                             version_text(PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR) +
                             " of the plugin ABI: rebuild it with this host's SDK"};
    }
    if (module->abi_major != PORTICO_ABI_MAJOR || module->abi_minor != PORTICO_ABI_MINOR) {
        return base::Failure{"it is built for version " +
                             version_text(module->abi_major, module->abi_minor) +
                             " of the plugin ABI, this host speaks " +
                             version_text(PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR) +
                             ": rebuild it with this host's SDK"};
    }
    if (module->struct_size < sizeof(portico_module) || module->struct_size % 8 != 0 ||
        module->plugin_count == 0 || module->plugin_count > 256 || module->plugins == nullptr) {
        return base::Failure{
            "its module table is damaged (size or number of plugins out of range)"};
    }
    std::string names;
    std::set<std::string> seen;
    const portico_plugin* chosen = nullptr;
    bool is_found = false;
    // Only the chosen table is checked: the others may be for hosts that know more.
    for (std::uint32_t i = 0; i < module->plugin_count; ++i) {
        const portico_plugin* plugin = module->plugins[i];
        const std::string name = name_of(plugin);
        if (!name.empty() && !seen.insert(name).second) {
            return base::Failure{"it has two plugins named \"" + name + "\""};
        }
        names += name.empty() ? "" : (names.empty() ? "" : ", ") + name;
        if (wanted.empty() ? module->plugin_count == 1 || name == file_name : name == wanted) {
            chosen = plugin;
            is_found = true;
        }
    }
    if (is_found) {
        const std::string fault = chosen != nullptr ? fault_of(*chosen) : "its table is missing";
        if (!fault.empty()) {
            return base::Failure{fault};
        }
    } else {
        return base::Failure{wanted.empty()
                                 ? "it has several plugins (" + names + "): name one, such as \"" +
                                       file_name + "#NAME\""
                                 : "it has no plugin \"" + wanted + "\" (it has: " + names + ")"};
    }
    return chosen;
}

std::string framing_fault(const portico_plugin& plugin, const config::Framing& framing) {
    const std::uint32_t given = framing_number(framing);
    if (plugin.framing == PORTICO_FRAMING_ANY || (plugin.framing & given) != 0) {
        return {};
    }
    return "framing: this listener's is " + framing_text(given) + ", but the plugin needs " +
           framing_text(plugin.framing);
}

std::uint32_t framing_number(const config::Framing& framing) noexcept {
    switch (framing.type) {
        case config::Framing::Type::none: return PORTICO_FRAMING_NONE;
        case config::Framing::Type::delimiter: return PORTICO_FRAMING_DELIMITER;
        case config::Framing::Type::length_prefix: return PORTICO_FRAMING_LENGTH_PREFIX;
    }
    return PORTICO_FRAMING_NONE;
}

bool is_module_name(std::string_view name) noexcept {
    return !name.empty() && is_label(name.data(), name.size()) &&
           name.find_first_of("#/\\:\"'") == std::string_view::npos &&
           name.find("..") == std::string_view::npos && !name.ends_with(".so") &&
           !name.ends_with(".dll");
}

base::Result<Loaded> load(const std::string& directory, const std::string& name,
                          PrivateCopies& copies, const LinkedModules& linked) {
    const std::size_t hash = name.find('#');
    const std::string file_name = name.substr(0, hash);
    const std::string wanted = hash == std::string::npos ? "" : name.substr(hash + 1);
    if (const auto own = linked.find(file_name);
        own != linked.end() && (hash == std::string::npos || !wanted.empty())) {
        base::Result<const portico_plugin*> table = check_module(own->second, file_name, wanted);
        if (!table) {
            return base::Failure{"plugin \"" + name + "\" (" + in_the_program +
                                 "): " + table.error()};
        }
        return Loaded{nullptr, *table, in_the_program};
    }
    // A configuration file has been checked for this, but the settings of an embedding program have
    // not.
    if (file_name.empty() || (hash != std::string::npos && wanted.empty()) ||
        file_name.find_first_of("/\\:") != std::string::npos ||
        file_name.find("..") != std::string::npos) {
        return base::Failure{"\"" + name +
                             "\" is not a plugin's name: expected a file of the plugin directory, "
                             "without path and suffix"};
    }
    const std::filesystem::path folder = base::path_from_utf8(directory);
    const std::filesystem::path path = folder / base::path_from_utf8(file_name + Library::suffix());
    const std::string path_text = base::utf8_from_path(path);
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) {
        return base::Failure{"plugin \"" + name + "\" not found: no file " + path_text + " (" +
                             what_is_there(directory, linked) + ")"};
    }
    base::Result<std::shared_ptr<Library>> library = copies.open(path_text);
    if (!library) {
        return base::Failure{"plugin \"" + name + "\" cannot be loaded from " + path_text + ": " +
                             library.error()};
    }
    const auto query = reinterpret_cast<portico_plugin_query_function>(
        (*library)->symbol("portico_plugin_query"));
    if (query == nullptr) {
        return base::Failure{"plugin \"" + name + "\": " + path_text +
                             " is not a Portico plugin: it does not export portico_plugin_query"};
    }
    base::Result<const portico_plugin*> table = check_module(query(PORTICO_ABI_MAJOR), file_name,
                                                             wanted);
    if (!table) {
        return base::Failure{"plugin \"" + name + "\" (" + path_text + "): " + table.error()};
    }
    if (((*table)->flags & PORTICO_PLUGIN_UNLOADABLE) == 0) {
        copies.keep(*library);
    }
    return Loaded{*library, *table, path_text};
}

std::string abi_version() {
    return version_text(PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR);
}

}  // namespace portico::plugin
