#include "verify/script.hpp"

#include <charconv>
#include <optional>

#include "base/clock.hpp"
#include "config/json_source.hpp"

namespace portico::verify {

namespace {

using config::Framing;
using config::Node;

struct ScriptError {
    std::string text;
};

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
    throw ScriptError{place + ": " + why};
}

int hex_value(char digit) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const std::size_t at = digits.find(lower);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// The escapes of the client's texts: \n \r \t \\ \xHH, and \{connection}, which is 1.
std::string unescaped(const std::string& place, std::string_view text) {
    constexpr std::string_view connection = "{connection}";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const std::string_view rest = text.substr(i + 1);
        const char next = rest.empty() ? '\0' : rest.front();
        if (next == 'n' || next == 'r' || next == 't' || next == '\\') {
            out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : '\\';
            ++i;
        } else if (next == 'x' && rest.size() >= 3 && hex_value(rest[1]) >= 0 &&
                   hex_value(rest[2]) >= 0) {
            out += static_cast<char>(hex_value(rest[1]) * 16 + hex_value(rest[2]));
            i += 3;
        } else if (rest.starts_with(connection)) {
            out += '1';
            i += connection.size();
        } else if (next == '{') {
            refuse(place,
                   "only \\{connection} can be filled in here: a verification sends the "
                   "same each time");
        } else {
            refuse(place, "after a backslash expected n, r, t, x and two digits, or a backslash");
        }
    }
    return out;
}

const std::string& text_of(const std::string& place, const Node& node) {
    if (node.kind != Node::Kind::string) {
        refuse(place, "found " + config::describe(node) + ", expected a string");
    }
    return node.text;
}

Framing framing_from(const std::string& place, const std::string& text) {
    Framing framing;
    const std::size_t colon = text.find(':');
    const std::string type = text.substr(0, colon);
    const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
    if (type == "none" && rest.empty()) {
        return framing;
    }
    if (type == "delimiter") {
        framing.type = Framing::Type::delimiter;
        framing.delimiter = rest.empty() ? "\n" : unescaped(place, rest);
        return framing;
    }
    if (type == "length_prefix" && !rest.empty()) {
        framing.type = Framing::Type::length_prefix;
        framing.prefix_bytes = rest.front() == '1' ? 1 : rest.front() == '2' ? 2 : 4;
        framing.order = rest.ends_with(":little") ? Framing::ByteOrder::little
                                                  : Framing::ByteOrder::big;
        if (rest == std::to_string(framing.prefix_bytes) || rest.ends_with(":little") ||
            rest.ends_with(":big")) {
            return framing;
        }
    }
    refuse(place, "found \"" + text +
                      "\", expected none, delimiter, delimiter:TEXT, length_prefix:BYTES or "
                      "length_prefix:BYTES:little");
}

std::string framed(const Framing& framing, std::string payload) {
    if (framing.type == Framing::Type::delimiter) {
        return payload + framing.delimiter;
    }
    if (framing.type == Framing::Type::length_prefix) {
        std::string prefix;
        for (std::uint32_t i = 0; i < framing.prefix_bytes; ++i) {
            const std::uint32_t place = framing.order == Framing::ByteOrder::little
                                            ? i
                                            : framing.prefix_bytes - 1 - i;
            prefix += static_cast<char>(payload.size() >> (8 * place) & 0xff);
        }
        return prefix + payload;
    }
    return payload;
}

// "100ms", "2s", "1m".
std::uint64_t duration_of(const std::string& place, const std::string& text) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
    const std::uint64_t of_unit = unit == "ms"                  ? base::nanoseconds_per_millisecond
                                  : unit == "s" || unit.empty() ? base::nanoseconds_per_second
                                  : unit == "m"                 ? 60 * base::nanoseconds_per_second
                                                                : 0;
    if (error != std::errc{} || of_unit == 0 || number > 3'600'000) {
        refuse(place, "found \"" + text + "\", expected a time such as 100ms, 2s or 1m");
    }
    return number * of_unit;
}

Script::Step step_of(const std::string& place, const Node& node, const Framing& sent,
                     const Framing& replied) {
    if (node.kind != Node::Kind::object || node.children.size() != 1) {
        refuse(place, "expected an object with one member");
    }
    const Node& member = node.children.front();
    const std::string member_place = place + "." + member.key;
    const std::string& text = text_of(member_place, member);
    Script::Step step;
    if (member.key == "send") {
        step.text = framed(sent, unescaped(member_place, text));
    } else if (member.key == "expect") {
        step.kind = Script::Kind::expect;
        step.text = framed(replied, unescaped(member_place, text));
    } else if (member.key == "expect_pattern") {
        step.kind = Script::Kind::expect_pattern;
        step.text = unescaped(member_place, text);
        if (replied.type == Framing::Type::none) {
            refuse(place, "a pattern needs \"reply_framing\" to know where the reply ends");
        }
    } else if (member.key == "pause") {
        step.kind = Script::Kind::pause;
        step.pause_ns = duration_of(member_place, text);
    } else if (member.key == "close" && (text == "finish" || text == "reset")) {
        step.kind = text == "finish" ? Script::Kind::finish : Script::Kind::reset;
    } else {
        refuse(place,
               "expected send, expect, expect_pattern, pause, or close with \"finish\" or "
               "\"reset\"");
    }
    return step;
}

Script script_of(const Node& root) {
    const Node* steps = root.find("steps");
    if (root.kind != Node::Kind::object || steps == nullptr || steps->kind != Node::Kind::array ||
        steps->children.empty()) {
        refuse("the script", "expected an object with \"steps\", an array of one step or more");
    }
    for (const Node& member : root.children) {
        if (member.key != "framing" && member.key != "reply_framing" && member.key != "steps") {
            refuse("the script",
                   "\"" + member.key + "\" is not one of framing, reply_framing and steps");
        }
    }
    const auto framing_of = [&](const char* key, const Framing& otherwise) {
        const Node* node = root.find(key);
        return node == nullptr ? otherwise : framing_from(key, text_of(key, *node));
    };
    const Framing sent = framing_of("framing", {});
    Script script;
    script.reply_framing = framing_of("reply_framing", sent);
    for (std::size_t i = 0; i < steps->children.size(); ++i) {
        script.steps.push_back(step_of("steps[" + std::to_string(i) + "]", steps->children[i], sent,
                                       script.reply_framing));
    }
    return script;
}

}  // namespace

base::Result<Framing> parse_framing(const std::string& text) {
    try {
        return framing_from("framing", text);
    } catch (const ScriptError& error) {
        return base::Failure{error.text};
    }
}

base::Result<Script> parse_script(std::string_view json) {
    const config::Parsed parsed = config::parse_json(json);
    if (!parsed.error.text.empty()) {
        return base::Failure{"line " + std::to_string(parsed.error.line) + ": " +
                             parsed.error.text};
    }
    try {
        return script_of(parsed.root);
    } catch (const ScriptError& error) {
        return base::Failure{error.text};
    }
}

Script default_script(const Framing& framing) {
    Script script;
    script.reply_framing = framing;
    for (const char* message : {"hello", "portico 12", "a somewhat longer message", "x", "bye"}) {
        Script::Step step;
        step.text = framing.type == Framing::Type::none ? std::string(message) + "\n"
                                                        : framed(framing, message);
        script.steps.push_back(step);
    }
    return script;
}

std::vector<Burst> bursts_of(const Script& script) {
    std::vector<Burst> bursts;
    std::uint64_t pause_ns = 0;
    for (const Script::Step& step : script.steps) {
        if (step.kind == Script::Kind::finish || step.kind == Script::Kind::reset) {
            break;
        }
        pause_ns += step.pause_ns;
        if (step.kind != Script::Kind::send) {
            continue;
        }
        if (bursts.empty() || pause_ns != 0) {
            bursts.push_back({pause_ns, {}});
            pause_ns = 0;
        }
        bursts.back().bytes += step.text;
    }
    return bursts;
}

std::vector<std::size_t> send_ends_of(const Script& script) {
    std::vector<std::size_t> ends;
    for (const Script::Step& step : script.steps) {
        if (step.kind == Script::Kind::finish || step.kind == Script::Kind::reset) {
            break;
        }
        if (step.kind == Script::Kind::send) {
            ends.push_back((ends.empty() ? 0 : ends.back()) + step.text.size());
        }
    }
    return ends;
}

std::string_view first_reply(const Framing& framing, std::string_view text) {
    if (framing.type == Framing::Type::delimiter) {
        const std::size_t at = text.find(framing.delimiter);
        return at == std::string_view::npos ? std::string_view()
                                            : text.substr(0, at + framing.delimiter.size());
    }
    if (framing.type != Framing::Type::length_prefix || text.size() < framing.prefix_bytes) {
        return {};
    }
    std::size_t size = 0;
    for (std::uint32_t i = 0; i < framing.prefix_bytes; ++i) {
        const std::uint32_t place = framing.order == Framing::ByteOrder::little
                                        ? framing.prefix_bytes - 1 - i
                                        : i;
        size = size << 8 | static_cast<unsigned char>(text[place]);
    }
    size += framing.prefix_bytes;
    return text.size() < size ? std::string_view() : text.substr(0, size);
}

std::string_view payload_of(const Framing& framing, std::string_view reply) {
    if (framing.type == Framing::Type::delimiter) {
        return reply.substr(0, reply.size() - framing.delimiter.size());
    }
    return framing.type == Framing::Type::length_prefix ? reply.substr(framing.prefix_bytes)
                                                        : reply;
}

bool fits(std::string_view text, std::string_view pattern) noexcept {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;
    std::size_t retry = 0;
    std::size_t i = 0;
    while (at < text.size()) {
        if (i < pattern.size() && (pattern[i] == '?' || pattern[i] == text[at]) &&
            pattern[i] != '*') {
            ++i, ++at;
        } else if (i < pattern.size() && pattern[i] == '*') {
            star = i++;
            retry = at;
        } else if (star != std::string_view::npos) {
            i = star + 1;
            at = ++retry;
        } else {
            return false;
        }
    }
    while (i < pattern.size() && pattern[i] == '*') {
        ++i;
    }
    return i == pattern.size();
}

std::string shown(std::string_view bytes) {
    constexpr std::size_t bytes_max = 120;
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char letter : bytes.substr(0, bytes_max)) {
        const auto byte = static_cast<unsigned char>(letter);
        switch (letter) {
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '"': out += "\\\""; break;
            default:
                if (byte >= 0x20 && byte < 0x7f) {
                    out += letter;
                } else {
                    out += std::string("\\x") + digits[byte >> 4] + digits[byte & 15];
                }
        }
    }
    return out + (bytes.size() > bytes_max ? "\"..." : "\"");
}

}  // namespace portico::verify
