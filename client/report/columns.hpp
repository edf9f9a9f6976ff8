// Numbers and columns of the texts for a terminal.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace portico::client {

[[nodiscard]] inline std::string fixed(double value, int decimals) {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return {text, static_cast<std::size_t>(size)};
}

// Padded on the left to `width`.
[[nodiscard]] inline std::string right(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace portico::client
