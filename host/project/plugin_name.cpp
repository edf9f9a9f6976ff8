#include "project/plugin_name.hpp"

#include <algorithm>
#include <iterator>

namespace portico::project {

namespace {

struct Taken {
    std::string_view by;
    std::string_view names;  // each with a space before and behind
};

constexpr Taken taken[] = {
    {"Windows, for a device",
     " aux com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 con lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 "
     "lpt6 "
     "lpt7 lpt8 lpt9 nul prn "},
    {"CMake, for a target",
     " all clean depend edit_cache help install list_install_components "
     "package package_source rebuild_cache test uninstall "},
    {"the SDK", " portico "},
    {"Rust",
     " abstract alloc as async await become box break build const continue core crate deps do dyn "
     "else enum examples extern false final fn for if impl in incremental let loop macro match mod "
     "move mut override priv proc_macro pub ref return self static std struct super trait true try "
     "type typeof unsafe unsized use virtual where while yield "},
};

bool is_letter(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

bool is_allowed(char c) noexcept {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

char nearest(char c) noexcept {
    if (c >= 'A' && c <= 'Z') {
        return static_cast<char>(c - 'A' + 'a');
    }
    return is_allowed(c) ? c : '_';
}

// A name that is like this one and allowed. Empty if there is none to guess.
std::string suggestion(std::string_view name) {
    const bool is_ascii = std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > ' ' && c < 0x7f; });
    std::string guess;
    std::transform(name.begin(), name.end(), std::back_inserter(guess), nearest);
    const bool is_path = name.find_first_of("/\\:.") != std::string_view::npos;
    const bool is_guess = is_ascii && !is_path && guess != name;
    return is_guess && mistake_in_plugin_name(guess).empty() ? guess : std::string();
}

}  // namespace

std::string mistake_in_plugin_name(std::string_view name) {
    if (name.empty()) {
        return "a plugin's name is missing";
    }
    const std::string quoted = "\"" + std::string(name) + "\"";
    if (name.size() > plugin_name_max) {
        return quoted + " has " + std::to_string(name.size()) + " characters, expected at most " +
               std::to_string(plugin_name_max);
    }
    if (!std::all_of(name.begin(), name.end(), is_allowed) || !is_letter(name.front())) {
        const std::string guess = suggestion(name);
        return quoted +
               " cannot be a plugin's name: expected a-z, 0-9 and _, beginning with a "
               "letter" +
               (guess.empty() ? "" : ", such as " + guess);
    }
    for (const Taken& one : taken) {
        if (one.names.find(" " + std::string(name) + " ") != std::string_view::npos) {
            return quoted + " cannot be a plugin's name: it is taken by " + std::string(one.by) +
                   ". Choose another one, such as " + std::string(name) + "_protocol";
        }
    }
    return {};
}

}  // namespace portico::project
