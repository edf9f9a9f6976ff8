#include "resp.hpp"

#include <charconv>

namespace redis_like {

namespace {

constexpr std::size_t line_max = 64 * 1024;  // of an inline command, and of a length
constexpr std::int64_t words_max = 1024 * 1024;
constexpr std::int64_t word_bytes_max = 512 * 1024 * 1024;

// The text before the "\r\n" at `begin`, and where the next line begins. npos: not all of it is
// there. (Redis looks for the '\r' and does not look at what follows it.)
std::size_t end_of_line(std::string_view bytes, std::size_t begin, std::string_view &line) {
    const std::size_t end = bytes.find('\r', begin);
    if (end == std::string_view::npos || end + 1 >= bytes.size()) return std::string_view::npos;
    line = bytes.substr(begin, end - begin);
    return end + 2;
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

char escaped(char c) {
    switch (c) {
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'b': return '\b';
        case 'a': return '\a';
        default: return c;
    }
}

template <class Number>
void append_line(std::string &out, char kind, Number value) {
    char text[32];
    text[0] = kind;
    char *end = std::to_chars(text + 1, text + sizeof text - 2, value).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.append(text, static_cast<std::size_t>(end - text));
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t &value) {
    const std::string_view digits = text.substr(!text.empty() && text[0] == '-' ? 1 : 0);
    if (digits.empty() || digits[0] < '0' || digits[0] > '9') return false;
    if (digits[0] == '0' && text.size() != 1) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

Parser::Result Parser::wrong(std::string_view why) {
    error_ = why;
    return Result::wrong;
}

Parser::Result Parser::parse(std::string_view bytes) {
    words_.clear();
    if (bytes.empty()) return Result::incomplete;
    return bytes[0] == '*' ? parse_array(bytes) : parse_inline(bytes);
}

Parser::Result Parser::parse_array(std::string_view bytes) {
    std::string_view line;
    std::int64_t count = 0;
    std::size_t at = end_of_line(bytes, 1, line);
    if (at == std::string_view::npos) {
        return bytes.size() > line_max ? wrong("too big mbulk count string") : Result::incomplete;
    }
    if (!parse_integer(line, count) || count > words_max) return wrong("invalid multibulk length");
    for (std::int64_t i = 0; i < count; ++i) {
        std::int64_t size = 0;
        const std::size_t data = end_of_line(bytes, at, line);
        if (data == std::string_view::npos) {
            return bytes.size() - at > line_max ? wrong("too big bulk count string")
                                                : Result::incomplete;
        }
        if (bytes[at] != '$') return wrong(std::string("expected '$', got '") + bytes[at] + '\'');
        if (!parse_integer(line.substr(1), size) || size < 0 || size > word_bytes_max) {
            return wrong("invalid bulk length");
        }
        const std::size_t word_size = static_cast<std::size_t>(size);
        if (bytes.size() - data < word_size + 2) return Result::incomplete;
        words_.push_back(bytes.substr(data, word_size));
        at = data + word_size + 2;
    }
    size_ = at;
    return Result::complete;
}

Parser::Result Parser::parse_inline(std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
        return bytes.size() > line_max ? wrong("too big inline request") : Result::incomplete;
    }
    size_ = end + 1;
    const std::size_t length = end > 0 && bytes[end - 1] == '\r' ? end - 1 : end;
    return split(bytes.substr(0, length)) ? Result::complete
                                          : wrong("unbalanced quotes in request");
}

// Words are separated by space. In double quotes a backslash escapes, in single quotes only \'.
bool Parser::split(std::string_view line) {
    unquoted_.clear();
    for (std::size_t at = 0;;) {
        while (at < line.size() && is_space(line[at])) ++at;
        if (at == line.size()) return true;
        const std::size_t end = [&] {
            std::size_t i = at;
            while (i < line.size() && !is_space(line[i]) && line[i] != '"' && line[i] != '\'') ++i;
            return i;
        }();
        if (end == line.size() || is_space(line[end])) {
            words_.push_back(line.substr(at, end - at));
            at = end;
        } else if (!unquote(line, at)) {
            return false;
        }
    }
}

// Takes one word with quotes from `at` on.
bool Parser::unquote(std::string_view line, std::size_t &at) {
    std::string &word = unquoted_.emplace_back();
    while (at < line.size() && !is_space(line[at])) {
        const char quote = line[at];
        if (quote != '"' && quote != '\'') {
            word += line[at++];
            continue;
        }
        for (++at;; ++at) {
            if (at >= line.size()) return false;
            const std::string_view left = line.substr(at);
            if (left[0] == quote) break;
            if (quote == '"' && left.size() >= 4 && left[0] == '\\' && left[1] == 'x' &&
                hex(left[2]) >= 0 && hex(left[3]) >= 0) {
                word += static_cast<char>(hex(left[2]) * 16 + hex(left[3]));
                at += 3;
            } else if (quote == '"' && left.size() >= 2 && left[0] == '\\') {
                word += escaped(left[1]);
                ++at;
            } else if (quote == '\'' && left.size() >= 2 && left[0] == '\\' && left[1] == '\'') {
                word += '\'';
                ++at;
            } else {
                word += left[0];
            }
        }
        ++at;
        if (at < line.size() && !is_space(line[at])) return false;  // as Redis: the word ends here
    }
    words_.push_back(word);
    return true;
}

void append_simple(std::string &out, std::string_view text) {
    out += '+';
    out += text;
    out += "\r\n";
}

void append_error(std::string &out, std::string_view text) {
    out += '-';
    for (const char c : text) out += c == '\r' || c == '\n' ? ' ' : c;
    out += "\r\n";
}

void append_integer(std::string &out, std::int64_t value) { append_line(out, ':', value); }

void append_bulk(std::string &out, std::string_view bytes) {
    append_line(out, '$', bytes.size());
    out += bytes;
    out += "\r\n";
}

void append_null(std::string &out) { out += "$-1\r\n"; }

void append_array(std::string &out, std::size_t count) { append_line(out, '*', count); }

}  // namespace redis_like
