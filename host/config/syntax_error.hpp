// Says what is wrong with a text that is not JSON, for a person who does not know the grammar.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_source.hpp"

namespace portico::config {

// An object or array that is still open at the error.
struct OpenBracket {
    char bracket = '{';
    int line = 1;
};

// The parser's knowledge when it gave up.
struct ParserReport {
    std::size_t end = 0;            // bytes that it had read, with the offending ones
    std::string_view token;         // the last token, as it stands in the text
    std::string_view message;       // the parser's own message
    std::vector<OpenBracket> open;  // outermost first
    bool root_complete = false;     // one whole value had been read
};

// Line and column of a byte.
[[nodiscard]] SyntaxError error_at(std::string_view text, std::size_t offset, std::string message);

[[nodiscard]] SyntaxError explain(std::string_view text, const ParserReport& report);

// Checks what must hold before the grammar: the text is UTF-8 without NUL.
[[nodiscard]] SyntaxError check_encoding(std::string_view text);

}  // namespace portico::config
