#include "config/utf8.hpp"

#include <cstdio>

namespace portico::config {

namespace {

std::string escaped(char32_t value) {
    switch (value) {
        case U'\n': return "\\n";
        case U'\r': return "\\r";
        case U'\t': return "\\t";
        default: break;
    }
    char text[16];
    std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(value));
    return text;
}

// Characters that look like a space or like nothing, and marks that change the writing direction.
bool is_misleading(char32_t value) {
    return (is_space(value) && value != U' ') || (value >= 0x200B && value <= 0x200F) ||
           (value >= 0x202A && value <= 0x202E) || (value >= 0x2060 && value <= 0x2069);
}

std::string shown(std::string_view text, std::size_t characters, bool escape_quotes) {
    std::string result;
    std::size_t at = 0;
    for (std::size_t count = 0; at < text.size(); ++count) {
        if (count == characters) {
            return result + "...";
        }
        const CodePoint point = decode(text, at);
        if (point.size == 0) {
            char byte[8];
            std::snprintf(byte, sizeof byte, "\\x%02x",
                          static_cast<unsigned>(static_cast<unsigned char>(text[at])));
            result += byte;
            ++at;
            continue;
        }
        if (is_control(point.value) || is_misleading(point.value)) {
            result += escaped(point.value);
        } else {
            if (escape_quotes && (point.value == U'"' || point.value == U'\\')) {
                result += '\\';
            }
            result += text.substr(at, point.size);
        }
        at += point.size;
    }
    return result;
}

}  // namespace

CodePoint decode(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t index) -> unsigned {
        return index < text.size() ? static_cast<unsigned char>(text[index]) : 0u;
    };
    const unsigned first = byte(at);
    if (first < 0x80) {
        return {static_cast<char32_t>(first), 1};
    }
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4) {
        return {};
    }
    char32_t value = first & (0x7Fu >> size);
    for (std::size_t index = at + 1; index < at + size; ++index) {
        if ((byte(index) & 0xC0u) != 0x80u) {
            return {};
        }
        value = (value << 6) | (byte(index) & 0x3Fu);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (overlong || surrogate || value > 0x10FFFF) {
        return {};
    }
    return {value, size};
}

std::optional<std::size_t> first_invalid(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = decode(text, at).size;
        if (size == 0) {
            return at;
        }
        at += size;
    }
    return std::nullopt;
}

std::size_t code_points(std::string_view text) noexcept {
    std::size_t count = 0;
    for (const char byte : text) {
        count += (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u ? 1u : 0u;
    }
    return count;
}

bool is_control(char32_t value) noexcept {
    return value < 0x20 || (value >= 0x7F && value < 0xA0);
}

bool is_space(char32_t value) noexcept {
    return (value >= 0x09 && value <= 0x0D) || value == 0x20 || value == 0xA0 || value == 0x1680 ||
           (value >= 0x2000 && value <= 0x200A) || value == 0x2028 || value == 0x2029 ||
           value == 0x202F || value == 0x205F || value == 0x3000 || value == 0xFEFF;
}

bool is_one_word(std::string_view text) noexcept {
    constexpr std::size_t characters_max = 64;
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decode(text, at);
        if (point.size == 0 || is_control(point.value) || is_space(point.value) ||
            point.value == U'"' || point.value == U'\'') {
            return false;
        }
        at += point.size;
    }
    return !text.empty() && code_points(text) <= characters_max;
}

std::string excerpt(std::string_view text, std::size_t characters) {
    return shown(text, characters, false);
}

std::string in_quotes(std::string_view text, std::size_t characters) {
    return '"' + shown(text, characters, true) + '"';
}

}  // namespace portico::config
