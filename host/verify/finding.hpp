// What a check has found.
#pragma once

#include <compare>
#include <string>

namespace portico::verify {

// A mistake of the plugin. docs/reference/verify.md lists the names.
struct Finding {
    std::string name;
    std::string text;  // a sentence or more

    friend auto operator<=>(const Finding&, const Finding&) = default;
};

}  // namespace portico::verify
