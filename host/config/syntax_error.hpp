// What is wrong with a text that is not JSON, in words for a person who does not know the grammar's
// names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_source.hpp"

namespace portico::config {

// An object or array that was not closed yet where the error is.
struct OpenBracket {
    char bracket = '{';
    int line = 1;
};

// What the parser knew when it gave up.
struct ParserReport {
    std::size_t end = 0;            // bytes that it had read, the offending ones included
    std::string_view token;         // the last token, as it was read
    std::string_view message;       // the parser's own words
    std::vector<OpenBracket> open;  // outermost first
    bool root_complete = false;     // one whole value had been read
};

// Line and column of a byte.
[[nodiscard]] SyntaxError error_at(std::string_view text, std::size_t offset, std::string message);

[[nodiscard]] SyntaxError explain(std::string_view text, const ParserReport& report);

// What makes a text unfit before its grammar is looked at: bytes that are not UTF-8, or NUL.
[[nodiscard]] SyntaxError check_encoding(std::string_view text);

}  // namespace portico::config
