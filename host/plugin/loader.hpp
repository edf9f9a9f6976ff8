// Finds, loads and checks plugins. It loads only those that the configuration names, by absolute
// path, from the plugin directory, each from a private copy (private_copies.hpp).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/config.hpp"
#include "plugin/library.hpp"
#include "plugin/private_copies.hpp"
#include "portico/portico.h"

namespace portico::plugin {

struct Loaded {
    std::shared_ptr<Library> library;       // null: it is linked into the program
    const portico_plugin* table = nullptr;  // the library's
    // absolute; the file in the plugin directory, not its private copy
    std::string path;
};

// The modules that are linked into the program, by the names that it gave them.
using LinkedModules = std::map<std::string, const portico_module*, std::less<>>;

// True if a configuration can name a linked module like this.
[[nodiscard]] bool is_module_name(std::string_view name) noexcept;

// `name` is one of `linked`, or else a file of `directory` without its suffix; "#PLUGIN" after it
// picks one of several plugins in it. An error is one line that names the file and says what to do.
// `copies` must outlive what is loaded.
[[nodiscard]] base::Result<Loaded> load(const std::string& directory, const std::string& name,
                                        PrivateCopies& copies, const LinkedModules& linked = {});

// Checks what portico_plugin_query returned: versions, names, and the chosen plugin's table. Picks
// the plugin `wanted`. If that is empty it picks the only one, or the one with the name of the file
// (`file_name`). Also for statically linked plugins.
[[nodiscard]] base::Result<const portico_plugin*> check_module(const portico_module* module,
                                                               const std::string& file_name,
                                                               const std::string& wanted);

// Says why the plugin cannot serve a listener with this framing; empty if it can.
[[nodiscard]] std::string framing_fault(const portico_plugin& plugin,
                                        const config::Framing& framing);

// The framing as a PORTICO_FRAMING_... number.
[[nodiscard]] std::uint32_t framing_number(const config::Framing& framing) noexcept;

// "0.2": of the plugins that this host loads.
[[nodiscard]] std::string abi_version();

}  // namespace portico::plugin
