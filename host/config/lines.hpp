// The line of each value of a JSON object. A tree as the object is one, so it is as large as the
// text: a map from paths would hold a long key once for each of the values below it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portico::config {

struct Node;

class Lines {
public:
    Lines() = default;
    // Of an object that is not in the file: only its own place is known.
    explicit Lines(int line);
    explicit Lines(const Node& node);

    // Of the value at a JSON pointer below the object: "/print", "/a/0"; "" is the object itself.
    // 0: not known.
    [[nodiscard]] int of(std::string_view pointer) const noexcept;
    // Of how many values.
    [[nodiscard]] std::size_t size() const noexcept;

private:
    struct Member;

    int line_ = 0;
    std::vector<Member> members_;  // of an object: sorted by key, the first of repeated ones
    std::vector<Lines> elements_;  // of an array
};

struct Lines::Member {
    std::string key;  // as it stands in a pointer: "~0" for "~", "~1" for "/"
    Lines lines;
};

inline Lines::Lines(int line) : line_(line) {}

}  // namespace portico::config
