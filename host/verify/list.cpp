// `host plugins`: what a directory holds.
#include <algorithm>
#include <cstdio>

#include "base/path_text.hpp"
#include "plugin/loader.hpp"
#include "verify/command.hpp"

namespace portico::verify {

namespace {

struct Row {
    std::string file, name, version, framing, flags;
};

std::string joined(const std::string& text, const char* more) {
    return text + (text.empty() ? "" : " ") + more;
}

std::string framing_of(const portico_plugin& plugin) {
    std::string text;
    text = (plugin.framing & PORTICO_FRAMING_NONE) != 0 ? joined(text, "none") : text;
    text = (plugin.framing & PORTICO_FRAMING_DELIMITER) != 0 ? joined(text, "delimiter") : text;
    text = (plugin.framing & PORTICO_FRAMING_LENGTH_PREFIX) != 0 ? joined(text, "length_prefix")
                                                                 : text;
    return text.empty() ? "any" : text;
}

std::string flags_of(const portico_plugin& plugin) {
    std::string text;
    text = (plugin.flags & PORTICO_PLUGIN_SERIAL) != 0 ? joined(text, "serial") : text;
    text = (plugin.flags & PORTICO_PLUGIN_BLOCKING) != 0 ? joined(text, "blocking") : text;
    text = (plugin.flags & PORTICO_PLUGIN_UNLOADABLE) != 0 ? joined(text, "unloadable") : text;
    return text.empty() ? "-" : text;
}

// The plugins of one file. Empty, with the reason, if it has none that this host can load.
std::vector<Row> rows_of(const std::string& directory, const std::string& file,
                         plugin::PrivateCopies& copies, std::string& why) {
    const std::string path = base::utf8_from_path(
        base::path_from_utf8(directory) / base::path_from_utf8(file + plugin::Library::suffix()));
    base::Result<std::shared_ptr<plugin::Library>> library = copies.open(path);
    if (!library) {
        why = library.error();
        return {};
    }
    const auto query = reinterpret_cast<portico_plugin_query_function>(
        (*library)->symbol("portico_plugin_query"));
    if (query == nullptr) {
        why = "no plugin: it does not export portico_plugin_query";
        return {};
    }
    const portico_module* module = query(PORTICO_ABI_MAJOR);
    const bool has_several = module != nullptr && module->abi_major == PORTICO_ABI_MAJOR &&
                             module->abi_minor == PORTICO_ABI_MINOR && module->plugin_count > 1 &&
                             module->plugin_count <= 256 && module->plugins != nullptr;
    std::vector<Row> rows;
    for (std::uint32_t i = 0; i < (has_several ? module->plugin_count : 1U); ++i) {
        const portico_plugin* one = has_several ? module->plugins[i] : nullptr;
        const std::string wanted = one != nullptr
                                       ? std::string(one->name,
                                                     static_cast<std::size_t>(one->name_size))
                                       : "";
        base::Result<const portico_plugin*> table = plugin::check_module(module, file, wanted);
        if (!table) {
            why = table.error();
            continue;
        }
        const portico_plugin& plugin = **table;
        rows.push_back({has_several ? file + "#" + wanted : file,
                        std::string(plugin.name, static_cast<std::size_t>(plugin.name_size)),
                        std::string(plugin.version, static_cast<std::size_t>(plugin.version_size)),
                        framing_of(plugin), flags_of(plugin)});
    }
    // What its own threads and handlers still need stays until this process ends.
    copies.keep(*library);
    return rows;
}

void print(const std::vector<Row>& rows) {
    std::size_t widths[4] = {};
    for (const Row& row : rows) {
        widths[0] = std::max(widths[0], row.file.size());
        widths[1] = std::max(widths[1], row.name.size());
        widths[2] = std::max(widths[2], row.version.size());
        widths[3] = std::max(widths[3], row.framing.size());
    }
    for (const Row& row : rows) {
        std::printf("%-*s  %-*s  %-*s  %-*s  %s\n", static_cast<int>(widths[0]), row.file.c_str(),
                    static_cast<int>(widths[1]), row.name.c_str(), static_cast<int>(widths[2]),
                    row.version.c_str(), static_cast<int>(widths[3]), row.framing.c_str(),
                    row.flags.c_str());
    }
}

}  // namespace

int list_plugins(const std::string& directory) {
    base::Result<std::vector<std::string>> names = plugin::Library::names_in(directory);
    if (!names) {
        std::fprintf(stderr, "host: %s: %s\n", directory.c_str(), names.error().c_str());
        return 2;
    }
    std::sort(names->begin(), names->end());
    plugin::PrivateCopies copies;
    std::vector<Row> rows = {{"file", "name", "version", "framing", "flags"}};
    std::vector<std::string> others;
    for (const std::string& file : *names) {
        std::string why;
        const std::vector<Row> its = rows_of(directory, file, copies, why);
        rows.insert(rows.end(), its.begin(), its.end());
        if (its.empty()) {
            others.push_back(file + plugin::Library::suffix() + ": " + why);
        }
    }
    print(rows);
    for (const std::string& other : others) {
        std::printf("%s\n", other.c_str());
    }
    std::fflush(stdout);
    return 0;
}

}  // namespace portico::verify
