// Parses JSON into a tree that knows its lines, so that every mistake can name its place. Comments
// and a byte-order mark are accepted. Repeated keys are kept and marked, not merged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portico::config {

struct Node {
    enum class Kind : std::uint8_t { null, boolean, integer, real, string, array, object };

    Kind kind = Kind::null;
    bool boolean = false;
    bool negative = false;  // an integer's sign
    int line = 1;           // from 1; a member has the line of its key
    // of the first member with the same key, if this one repeats it; else 0
    int first_line = 0;
    std::uint64_t magnitude = 0;  // an integer without its sign
    double real = 0;
    std::string key;             // if this is a member of an object
    std::string text;            // a string's value, or a number as it was written
    std::vector<Node> children;  // elements or members, in the file's order

    // The first member of that name, or null.
    [[nodiscard]] const Node* find(std::string_view name) const noexcept;
};

struct SyntaxError {
    int line = 1;
    int column = 1;    // in characters, from 1
    std::string text;  // "found ..., expected ..."; empty: no error
};

struct Parsed {
    Node root;
    SyntaxError error;
};

// Deeper nesting is a syntax error. Every walk over the tree recurses, and a hostile file must not
// crash the process.
inline constexpr std::size_t nesting_max = 64;

[[nodiscard]] Parsed parse_json(std::string_view text);

// The node as one short line of JSON for an error: at most 40 characters, control characters
// escaped.
[[nodiscard]] std::string describe(const Node& node);

// The node as JSON without comments and without repeated keys (the first one counts), keys sorted.
[[nodiscard]] std::string to_json_text(const Node& node);

}  // namespace portico::config
