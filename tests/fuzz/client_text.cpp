// The client's small languages: numbers, durations, sizes, escapes, framings, patterns and scripts.
// Texts are read as a second, simple reader reads them, what is read keeps its documented range,
// and foreign bytes are printed as clean UTF-8 from which they can be restored.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "config/utf8.hpp"
#include "messages/framing.hpp"
#include "messages/pattern.hpp"
#include "messages/script.hpp"
#include "messages/text.hpp"

using namespace portico;

namespace {

std::string escape_all(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string escaped;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        escaped += "\\x";
        escaped += digits[byte >> 4];
        escaped += digits[byte & 15];
    }
    return escaped;
}

void check_printable(const std::string& text) {
    const std::string shown = client::printable(client::bytes_of(text));
    PORTICO_ASSERT(!config::first_invalid(shown).has_value());
    for (std::size_t at = 0; at < shown.size();) {
        const config::CodePoint point = config::decode(shown, at);
        PORTICO_ASSERT(!config::is_control(point.value));
        at += point.size;
    }
    if (text.find('\\') == std::string::npos) {
        const auto back = client::unescape(shown);
        PORTICO_ASSERT(back && *client::unescape(shown) == text);
    }
    PORTICO_ASSERT(client::hex(client::bytes_of(text)).size() ==
                   (text.empty() ? 0 : 3 * text.size() - 1));
}

void check_unescape(const std::string& text) {
    PORTICO_ASSERT(*client::unescape(escape_all(text)) == text);
    auto plain = client::unescape(text);
    if (text.find('\\') == std::string::npos) {
        PORTICO_ASSERT(plain && *plain == text);
    } else if (plain) {
        PORTICO_ASSERT(plain->size() < text.size());
    } else {
        PORTICO_ASSERT(plain.error().find("backslash") != std::string::npos);
    }
}

void check_numbers(const std::string& text) {
    const auto number = client::parse_unsigned(text);
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    PORTICO_ASSERT(!number || digits);
    if (digits && text.size() <= 19) {
        PORTICO_ASSERT(number && *number == std::stoull(text));
    }
    auto duration = client::parse_duration_ns(text);
    if (duration) {
        PORTICO_ASSERT(*duration >= base::nanoseconds_per_millisecond &&
                       *duration <= 30 * 86'400 * base::nanoseconds_per_second);
        PORTICO_ASSERT(*duration % base::nanoseconds_per_millisecond == 0);
    } else {
        PORTICO_ASSERT(duration.error().starts_with('"' + text + '"'));
    }
    auto sizes = client::parse_size_range(text);
    if (sizes) {
        PORTICO_ASSERT(sizes->min <= sizes->max && sizes->max <= client::size_max);
        auto again = client::parse_size_range(std::to_string(sizes->min) + "-" +
                                              std::to_string(sizes->max));
        PORTICO_ASSERT(again && again->min == sizes->min && again->max == sizes->max);
    } else {
        PORTICO_ASSERT(sizes.error().starts_with('"' + text + '"'));
    }
}

void check_framing(const std::string& text) {
    using Type = client::Framing::Type;
    auto framing = client::parse_framing(text);
    if (!framing) {
        PORTICO_ASSERT(!framing.error().empty());
        return;
    }
    std::string written = "none";
    if (framing->type == Type::delimiter) {
        PORTICO_ASSERT(!framing->delimiter.empty() && framing->delimiter.size() <= 16);
        PORTICO_ASSERT(framing->payload_max() == UINT64_MAX);
        written = "delimiter:" + escape_all(framing->delimiter);
    } else if (framing->type == Type::length_prefix) {
        PORTICO_ASSERT(framing->prefix_bytes == 1 || framing->prefix_bytes == 2 ||
                       framing->prefix_bytes == 4);
        PORTICO_ASSERT(framing->payload_max() ==
                       (std::uint64_t{1} << 8 * framing->prefix_bytes) - 1);
        written = "length_prefix:" + std::to_string(framing->prefix_bytes) +
                  (framing->order == client::Framing::ByteOrder::big ? ":big" : ":little");
    } else if (framing->type == Type::fixed) {
        PORTICO_ASSERT(framing->fixed_bytes >= 1 && framing->fixed_bytes <= client::size_max);
        PORTICO_ASSERT(framing->payload_min() == framing->fixed_bytes &&
                       framing->payload_max() == framing->fixed_bytes);
        written = "fixed:" + std::to_string(framing->fixed_bytes);
    } else if (framing->type == Type::idle) {
        PORTICO_ASSERT(framing->idle_ns >= base::nanoseconds_per_millisecond &&
                       framing->idle_ns % base::nanoseconds_per_millisecond == 0);
        written = "idle:" + std::to_string(framing->idle_ns / base::nanoseconds_per_millisecond) +
                  "ms";
    }
    auto again = client::parse_framing(written);
    PORTICO_ASSERT(again && *again == *framing);
}

// Whether a text matches a pattern without escapes, by the table of all their beginnings.
bool is_like(std::string_view pattern, std::string_view text) {
    // for the pattern so far: whether the first so many bytes match it
    std::vector<bool> row(text.size() + 1, false);
    row[0] = true;
    for (const char sign : pattern) {
        std::vector<bool> next(text.size() + 1, false);
        for (std::size_t i = 0; i <= text.size(); ++i) {
            if (sign == '*') {
                next[i] = row[i] || (i != 0 && next[i - 1]);
            } else {
                next[i] = i != 0 && row[i - 1] && (sign == '?' || sign == text[i - 1]);
            }
        }
        row = std::move(next);
    }
    return row[text.size()];
}

void check_pattern(std::string_view both) {
    const std::size_t end = std::min(both.find('\n'), both.size());
    const std::string_view signs = both.substr(0, end), text = both.substr(end);
    auto pattern = client::Pattern::parse(signs);
    if (!pattern) {
        PORTICO_ASSERT(!pattern.error().empty());
        return;
    }
    const client::Pattern::Places places = pattern->after(client::Pattern::start,
                                                          client::bytes_of(text));
    if (signs.find('\\') == signs.npos) {
        PORTICO_ASSERT(pattern->is_whole(places) == is_like(signs, text));
    }
}

void check_script(std::string_view text) {
    auto script = client::parse_script(text, 1);
    if (!script) {
        PORTICO_ASSERT(!script.error().empty());
        return;
    }
    PORTICO_ASSERT(script->exchanges() != 0 && script->patterns.size() == script->exchanges());
    for (std::uint64_t number = 1; number <= script->exchanges() + 1; ++number) {
        for (const client::MessageSource* source :
             {script->messages.get(), script->replies.get()}) {
            std::string bytes(static_cast<std::size_t>(source->size({1, number})), ' ');
            PORTICO_ASSERT(bytes.size() <= source->size_max());
            source->fill({1, number}, 0, std::as_writable_bytes(std::span(bytes)));
            PORTICO_ASSERT(source->match({1, number}, 0, client::bytes_of(bytes)) == bytes.size());
        }
        // An exchange of nothing would go on without end.
        PORTICO_ASSERT(script->has_reply({1, number}) || script->messages->size({1, number}) != 0 ||
                       script->pause_ns(number) != 0);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check_printable(text);
    check_unescape(text);
    check_numbers(text);
    check_framing(text);
    check_pattern(text);
    check_script(text);
    return 0;
}
