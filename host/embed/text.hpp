// Texts and structures that cross the boundary of the C API.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "portico/embed.h"

namespace portico::embed {

// False: the text is missing.
[[nodiscard]] inline bool read_text(const char* text, std::uint64_t size, std::string_view& out) {
    if (text == nullptr) {
        out = {};
        return size == 0 || size == PORTICO_TERMINATED;
    }
    out = size == PORTICO_TERMINATED ? std::string_view(text) : std::string_view(text, size);
    return true;
}

// The same for a file's name. False as well: it has a zero byte, at which the system would end it.
[[nodiscard]] inline bool read_name(const char* text, std::uint64_t size, std::string_view& out) {
    return read_text(text, size, out) && out.find('\0') == std::string_view::npos;
}

inline void point_to(const std::string& text, const char*& out, std::uint64_t& size) noexcept {
    out = text.c_str();
    size = text.size();
}

// Checks what the caller says of the structure that it wants to have filled in.
template <class Structure>
[[nodiscard]] bool can_fill(const Structure* out) noexcept {
    return out != nullptr && out->struct_size >= 8 && out->struct_size % 8 == 0;
}

// Copies the members that the caller knows, and zeroes those that only the caller knows.
template <class Structure>
void fill(Structure& out, Structure values) noexcept {
    values.struct_size = out.struct_size;
    const std::size_t known = std::min<std::size_t>(sizeof values, out.struct_size);
    std::memcpy(static_cast<void*>(&out), &values, known);
    std::memset(reinterpret_cast<char*>(&out) + known, 0, values.struct_size - known);
}

}  // namespace portico::embed
