#include "messages/text.hpp"

#include <charconv>

#include "base/clock.hpp"

namespace portico::client {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

void append_escaped(std::string& out, unsigned char byte) {
    switch (byte) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    out += "\\x";
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 15];
}

// The size of the UTF-8 sequence at the start of `text`; 0 if there is none, or if it is a control
// character.
std::size_t utf8_sequence(std::string_view text) noexcept {
    const auto at = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    const unsigned char first = at(0);
    std::size_t size = 0;
    std::uint32_t point = 0;
    std::uint32_t least = 0;
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    if ((first & 0xe0) == 0xc0) {
        size = 2, point = first & 0x1f, least = 0xa0;  // below 0xa0 are the C1 controls
    } else if ((first & 0xf0) == 0xe0) {
        size = 3, point = first & 0x0f, least = 0x800;
    } else if ((first & 0xf8) == 0xf0) {
        size = 4, point = first & 0x07, least = 0x10000;
    } else {
        return 0;
    }
    if (text.size() < size) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (at(i) & 0x3fu);
    }
    const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point >= least && point <= 0x10ffff && !is_surrogate ? size : 0;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    std::uint64_t unit = 1;
    if (!text.empty() && (text.back() == 'K' || text.back() == 'k')) {
        unit = 1'024;
    } else if (!text.empty() && (text.back() == 'M' || text.back() == 'm')) {
        unit = 1'048'576;
    }
    if (unit != 1) {
        text.remove_suffix(1);
    }
    const auto number = parse_unsigned(text);
    if (!number || *number > size_max / unit) {
        return std::nullopt;
    }
    return *number * unit;
}

}  // namespace

std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<Decimal> parse_decimal(std::string_view text, std::size_t decimals_max) noexcept {
    const std::size_t point = text.find('.');
    const auto whole = parse_unsigned(text.substr(0, point));
    if (!whole || point == std::string_view::npos) {
        return whole ? std::optional(Decimal{*whole, 1}) : std::nullopt;
    }
    std::string_view decimals = text.substr(point + 1);
    if (decimals.empty() || decimals.size() > decimals_max || !parse_unsigned(decimals)) {
        return std::nullopt;
    }
    while (decimals.ends_with('0')) {
        decimals.remove_suffix(1);
    }
    Decimal number{*whole, 1};
    for (const char digit : decimals) {
        if (number.value > (UINT64_MAX - 9) / 10) {
            return std::nullopt;
        }
        number.value = number.value * 10 + static_cast<std::uint64_t>(digit - '0');
        number.scale *= 10;
    }
    return number;
}

base::Result<std::uint64_t> parse_duration_ns(std::string_view text) {
    std::string_view digits = text;
    std::uint64_t unit_ms = 1'000;
    if (digits.ends_with("ms")) {
        unit_ms = 1;
        digits.remove_suffix(2);
    } else if (digits.ends_with('s')) {
        digits.remove_suffix(1);
    } else if (digits.ends_with('m')) {
        unit_ms = 60'000;
        digits.remove_suffix(1);
    }
    constexpr std::uint64_t most_ms = std::uint64_t{30} * 86'400 * 1'000;
    constexpr std::size_t decimals_max = 5;  // a minute then has whole milliseconds
    const auto number = parse_decimal(digits, decimals_max);
    const bool is_in_range = number && number->value != 0 &&
                             number->value / number->scale <= most_ms / unit_ms;
    const std::uint64_t scaled_ms = is_in_range ? number->value * unit_ms : 0;
    if (!is_in_range || scaled_ms % number->scale != 0 || scaled_ms / number->scale > most_ms) {
        return base::Failure{quoted(text) +
                             " is not a duration; expected one like 10, 2.5s, 500ms or 1m, of "
                             "whole milliseconds, more than 0 and at most 30 days"};
    }
    return scaled_ms / number->scale * base::nanoseconds_per_millisecond;
}

base::Result<SizeRange> parse_size_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto min = parse_size(text.substr(0, dash));
    const auto max = dash == std::string_view::npos ? min : parse_size(text.substr(dash + 1));
    if (!min || !max || *min > *max) {
        return base::Failure{
            quoted(text) + " is not a size; expected bytes like 64, 64K or 1-60000, at most 1024M"};
    }
    return SizeRange{*min, *max};
}

base::Result<std::string> unescape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const char kind = i + 1 < text.size() ? text[i + 1] : '\0';
        const int high = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        const int low = i + 3 < text.size() ? hex_value(text[i + 3]) : -1;
        if (kind == 'n') {
            out += '\n';
        } else if (kind == 'r') {
            out += '\r';
        } else if (kind == 't') {
            out += '\t';
        } else if (kind == '\\') {
            out += '\\';
        } else if (kind == 'x' && high >= 0 && low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            return base::Failure{quoted(text) +
                                 " has a backslash that starts no escape; the escapes are \\n \\r "
                                 "\\t \\\\ and \\xHH"};
        }
        ++i;
    }
    return out;
}

std::string printable(std::span<const std::byte> bytes) {
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::string out;
    out.reserve(rest.size());
    while (!rest.empty()) {
        const std::size_t size = utf8_sequence(rest);
        if (size == 0) {
            append_escaped(out, static_cast<unsigned char>(rest.front()));
            rest.remove_prefix(1);
        } else {
            out += rest.substr(0, size);
            rest.remove_prefix(size);
        }
    }
    return out;
}

std::string hex(std::span<const std::byte> bytes) {
    std::string out;
    for (const std::byte byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        if (!out.empty()) {
            out += ' ';
        }
        out += hex_digits[value >> 4];
        out += hex_digits[value & 15];
    }
    return out;
}

}  // namespace portico::client
