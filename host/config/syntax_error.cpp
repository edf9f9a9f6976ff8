// nlohmann's parser says where it was ("while parsing object key") and what it saw ("unexpected
// ..." or "invalid ..."). These words have not changed through its versions. If they ever do, its
// message is shown as it is.
#include "config/syntax_error.hpp"

#include <algorithm>

#include "config/utf8.hpp"

namespace portico::config {

namespace {

constexpr std::string_view value_words =
    "a value: \"text\", a number, true, false, null, {...} or [...]";

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const std::size_t from = text.find(before);
    if (from == std::string_view::npos) {
        return {};
    }
    text.remove_prefix(from + before.size());
    return text.substr(0, text.find(after));
}

bool is_word(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '_' || letter == '+' || letter == '-' ||
           letter == '.';
}

bool begins_number(std::string_view word) {
    const char first = word.empty() ? ' ' : word.front();
    return (first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.';
}

std::string in_words(std::string_view token) {
    if (token.front() == '"') {
        return "the text " + excerpt(token);
    }
    return is_word(token.front()) ? excerpt(token) : '"' + excerpt(token) + '"';
}

// Says what would have been right at this place.
std::string expected_there(std::string_view context, const ParserReport& report) {
    if (report.root_complete) {
        return "the end of the file: the outermost object is complete";
    }
    if (report.open.empty()) {
        return "\"{\"";
    }
    if (context == "object key") {
        return "a key in double quotes";
    }
    if (context == "object separator") {
        return "\":\" after the key";
    }
    if (context == "object") {
        return "\",\" or \"}\"";
    }
    if (context == "array") {
        return "\",\" or \"]\"";
    }
    return std::string(value_words);
}

// A hint if the text has the habits of another language or editor.
std::string hint(std::string_view context, std::string_view found, std::string_view before) {
    if (found == "'") {
        return " (text needs double quotes)";
    }
    if (found == "#") {
        return " (a comment begins with \"//\")";
    }
    if (found == "}" || found == "]") {
        const std::size_t last = before.find_last_not_of(" \t\r\n");
        return last != std::string_view::npos && before[last] == ','
                   ? " (no comma before a closing bracket)"
                   : "";
    }
    if (found == "True" || found == "False" || found == "None" || found == "TRUE" ||
        found == "FALSE") {
        return " (true, false and null are lower-case)";
    }
    if (found.front() == '"' && (context == "object" || context == "array")) {
        return " (is a comma missing before it?)";
    }
    return "";
}

SyntaxError end_of_file(std::string_view text, std::string_view context,
                        const ParserReport& report) {
    std::string message = text.find_first_not_of(" \t\r\n") == std::string_view::npos
                              ? "found an empty file, expected "
                              : "found the end of the file, expected ";
    message += expected_there(context, report);
    if (!report.open.empty()) {
        const OpenBracket& innermost = report.open.back();
        message += " (the \"" + std::string(1, innermost.bracket) + "\" of line " +
                   std::to_string(innermost.line) + " is not closed)";
    }
    return error_at(text, text.size(), message);
}

SyntaxError bad_string(std::string_view text, std::size_t end, std::string_view detail) {
    if (end > text.size() || detail.find("missing closing quote") != std::string_view::npos) {
        return error_at(text, text.size(),
                        "found the end of the file inside a text, expected its closing '\"'");
    }
    const std::size_t at = end - 1;
    if (detail.find("after backslash") != std::string_view::npos) {
        return error_at(text, at - 1,
                        "found \"\\" + excerpt(text.substr(at, decode(text, at).size)) +
                            "\" in a text, expected \\\\ for a backslash (in a path \"/\" works "
                            "too), or one of \\\" \\/ \\b "
                            "\\f \\n \\r \\t \\u0000");
    }
    if (detail.find("control character") != std::string_view::npos) {
        const bool line_break = text[at] == '\n' || text[at] == '\r';
        return error_at(text, at,
                        line_break
                            ? "found the end of the line inside a text, expected its closing '\"' "
                              "(a line break "
                              "in a text is written \\n)"
                            : "found the control character \"" + excerpt(text.substr(at, 1)) +
                                  "\" in a text, expected it escaped (a tab is written \\t)");
    }
    if (detail.find("hex digits") != std::string_view::npos) {
        return error_at(text, at,
                        "found \"" + excerpt(text.substr(at, decode(text, at).size)) +
                            "\" after \\u, expected four hexadecimal digits");
    }
    return error_at(
        text, at,
        "found half of a surrogate pair, expected \\uD800..\\uDBFF followed by \\uDC00..\\uDFFF");
}

// The size of the unexpected token, which ends where the parser stopped. The parser's own record of
// it begins anew only at texts and numbers; all other tokens are known by their names, and signs
// are single characters.
std::size_t token_size(std::string_view detail, std::string_view token) {
    detail = detail.substr(0, detail.find("; expected "));
    const auto names = [&](std::string_view words) {
        return detail.find(words) != std::string_view::npos;
    };
    if (names("string literal") || names("number literal")) {
        return token.size();
    }
    return names("true literal") || names("null literal") ? 4 : names("false literal") ? 5 : 1;
}

// Describes the byte `at`, where the parser stopped because no token has it: a word without quotes,
// a number of another language, a stray sign.
SyntaxError bad_word(std::string_view text, std::size_t at, std::string_view context,
                     const ParserReport& report, bool number) {
    std::size_t from = at;
    while (from > 0 && is_word(text[from - 1])) {
        --from;
    }
    std::size_t to = from;
    while (to < text.size() && is_word(text[to])) {
        ++to;
    }
    std::string_view word = text.substr(from, to - from);
    const bool complete = begins_number(word) || word == "true" || word == "false" ||
                          word == "null";
    // only the sign itself is wrong
    if (to <= at && !number && (word.empty() || complete)) {
        from = at;
        word = text.substr(at, decode(text, at).size);
    }
    if (begins_number(word)) {
        return error_at(text, from,
                        "found " + excerpt(word) + ", expected a number such as 5000, -1 or 0.5");
    }
    const std::string found = is_word(word.front()) ? excerpt(word) : '"' + excerpt(word) + '"';
    return error_at(text, from,
                    "found " + found + ", expected " + expected_there(context, report) +
                        hint(context, word, text.substr(0, from)));
}

}  // namespace

SyntaxError error_at(std::string_view text, std::size_t offset, std::string message) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const std::size_t line_break = before.rfind('\n');
    const std::string_view line = line_break == std::string_view::npos
                                      ? before
                                      : before.substr(line_break + 1);
    SyntaxError error;
    error.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    error.column = 1 + static_cast<int>(code_points(line));
    error.text = std::move(message);
    return error;
}

SyntaxError explain(std::string_view text, const ParserReport& report) {
    const std::string_view context = between(report.message, "while parsing ", " - ");
    const std::string_view detail = between(report.message, " - ", "; last read: ");
    const auto says = [&](std::string_view words) {
        return detail.substr(0, words.size()) == words;
    };

    // Compares all of the text, because after its own words the parser quotes the file.
    if (between(report.message, "] ", " parsing ") == "number overflow") {
        const std::size_t start = report.end - std::min(report.end, report.token.size());
        return error_at(text, start,
                        "found " + excerpt(report.token) + ", expected a number below 1.8e308");
    }
    if (says("unexpected end of input")) {
        return end_of_file(text, context, report);
    }
    if (says("invalid string")) {
        return bad_string(text, report.end, detail);
    }
    if (says("invalid comment")) {
        return detail.find("missing closing") != std::string_view::npos
                   ? error_at(text, text.size(),
                              "found the end of the file in a comment, expected \"*/\"")
                   : error_at(text, report.end - 2,
                              "found \"/\", expected \"//\" or \"/*\" for a comment");
    }
    if (says("invalid number") || says("invalid literal")) {
        return bad_word(text, std::min(report.end, text.size()) - 1, context, report,
                        says("invalid number"));
    }
    const std::size_t size = token_size(detail, report.token);
    if (says("unexpected ") && size > 0 && size <= report.end && report.end <= text.size()) {
        const std::size_t start = report.end - size;
        if (is_word(text[start]) && start > 0 && is_word(text[start - 1])) {
            return bad_word(text, start, context, report, false);  // "01" is read as 0 and then 1
        }
        const std::string_view token = text.substr(start, size);
        return error_at(text, start,
                        "found " + in_words(token) + ", expected " +
                            expected_there(context, report) +
                            hint(context, token, text.substr(0, start)));
    }
    return error_at(text, report.end - std::min<std::size_t>(report.end, 1),
                    "found no valid JSON: " + excerpt(report.message, 200));
}

SyntaxError check_encoding(std::string_view text) {
    if (const std::optional<std::size_t> invalid = first_invalid(text)) {
        const bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
        const std::string found = excerpt(text.substr(*invalid, 1));
        return error_at(text, *invalid,
                        utf16 ? "found UTF-16, expected UTF-8: save the file with that encoding"
                              : "found the byte " + found +
                                    ", which is not UTF-8, expected a file saved as UTF-8");
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
        return error_at(text, nul, "found a NUL byte, expected a file saved as UTF-8 text");
    }
    return {};
}

}  // namespace portico::config
