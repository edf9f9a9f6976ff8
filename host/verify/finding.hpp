// What a check has found.
#pragma once

#include <compare>
#include <string>

namespace portico::verify {

// A mistake of the plugin. docs/reference/verify.md lists the names.
struct Finding {
    std::string name;
    std::string text;  // a sentence or more

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in the comparison that is made
    friend auto operator<=>(const Finding&, const Finding&) = default;
};

}  // namespace portico::verify
