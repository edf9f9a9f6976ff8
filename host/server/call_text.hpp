// How reports name a plugin's function.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace portico {

// `plugin "chat", listener "rooms": `
[[nodiscard]] inline std::string plugin_text(const std::string& plugin,
                                             const std::string& listener) {
    return "plugin \"" + plugin + "\", listener \"" + listener + "\": ";
}

// "on_data of connection 2f"; without a connection (0) "on_stop". The log writes a connection's
// number in the same way.
[[nodiscard]] inline std::string callback_text(const char* callback, std::uint64_t connection) {
    std::string text = callback;
    if (connection != 0) {
        char number[40];
        std::snprintf(number, sizeof number, " of connection %llx",
                      static_cast<unsigned long long>(connection));
        text += number;
    }
    return text;
}

}  // namespace portico
