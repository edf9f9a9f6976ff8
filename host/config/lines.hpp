// The line of each value of a JSON object. It is a tree like the object, so it is as large as the
// text. A map from paths would hold a long key again for each value below it.
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
    // For an object that is not in the file: it has only a place.
    explicit Lines(int line);
    explicit Lines(const Node& node);

    // The line of the value at a JSON pointer: "/print", "/a/0"; "" is the object itself. 0:
    // unknown.
    [[nodiscard]] int of(std::string_view pointer) const noexcept;
    // The number of values.
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
