// Any bytes, compared with a decoder written from table 3-7 of the Unicode standard ("Well-Formed
// UTF-8 Byte Sequences"). An error always shows them as clean, short UTF-8.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "config/utf8.hpp"

using namespace portico;

namespace {

struct Row {
    unsigned first_least, first_most;    // the first byte
    unsigned second_least, second_most;  // the second; all others are 0x80 to 0xBF
    std::size_t size;
};
constexpr Row rows[] = {
    {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};

std::size_t well_formed(std::string_view text) {
    const auto byte = [&](std::size_t at) {
        return static_cast<unsigned>(static_cast<unsigned char>(text[at]));
    };
    for (const Row& row : rows) {
        if (byte(0) < row.first_least || byte(0) > row.first_most) {
            continue;
        }
        if (text.size() < row.size) {
            return 0;
        }
        for (std::size_t i = 1; i < row.size; ++i) {
            if (byte(i) < (i == 1 ? row.second_least : 0x80) ||
                byte(i) > (i == 1 ? row.second_most : 0xBF)) {
                return 0;
            }
        }
        return row.size;
    }
    return 0;
}

std::string encode(char32_t value) {
    const auto byte = [](char32_t bits) {
        return static_cast<char>(static_cast<unsigned char>(bits));
    };
    if (value < 0x80) {
        return {byte(value)};
    }
    if (value < 0x800) {
        return {byte(0xC0 | value >> 6), byte(0x80 | (value & 0x3F))};
    }
    if (value < 0x10000) {
        return {byte(0xE0 | value >> 12), byte(0x80 | (value >> 6 & 0x3F)),
                byte(0x80 | (value & 0x3F))};
    }
    return {byte(0xF0 | value >> 18), byte(0x80 | (value >> 12 & 0x3F)),
            byte(0x80 | (value >> 6 & 0x3F)), byte(0x80 | (value & 0x3F))};
}

void check_clean(std::string_view shown) {
    PORTICO_ASSERT(!config::first_invalid(shown).has_value());
    for (std::size_t at = 0; at < shown.size();) {
        const config::CodePoint point = config::decode(shown, at);
        PORTICO_ASSERT(!config::is_control(point.value) &&
                       (point.value == U' ' || !config::is_space(point.value)));
        at += point.size;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::string_view all = text;
    std::size_t first_invalid = size;
    std::size_t count = 0;
    for (std::size_t at = 0; at < size; ++at) {
        const config::CodePoint point = config::decode(all, at);
        PORTICO_ASSERT(point.size == well_formed(all.substr(at)));
        PORTICO_ASSERT(point.size == 0 || encode(point.value) == all.substr(at, point.size));
    }
    for (std::size_t at = 0; at < size; ++count) {
        const std::size_t length = well_formed(all.substr(at));
        if (length == 0) {
            first_invalid = at;
            break;
        }
        at += length;
    }
    PORTICO_ASSERT(config::first_invalid(all).value_or(size) == first_invalid);
    if (first_invalid == size) {
        PORTICO_ASSERT(config::code_points(all) == count);
    }
    for (const std::size_t characters :
         {std::size_t{1}, std::size_t{7}, config::excerpt_characters}) {
        const std::string shown = config::excerpt(text, characters);
        const std::string quoted = config::in_quotes(text, characters);
        check_clean(shown);
        check_clean(quoted);
        // The longest escape, \u2069, has six characters; an excerpt ends with three dots if it is
        // cut.
        PORTICO_ASSERT(config::code_points(shown) <= 6 * characters + 3);
        PORTICO_ASSERT(quoted.size() >= 2 && quoted.front() == '"' && quoted.back() == '"');
    }
    const bool plain = std::all_of(text.begin(), text.end(),
                                   [](char byte) { return byte >= ' ' && byte <= '~'; });
    if (plain && size <= config::excerpt_characters) {
        PORTICO_ASSERT(config::excerpt(text) == text);
    }
    return 0;
}
