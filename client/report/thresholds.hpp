// Limits that make a run fail, as --fail-if gives them: "p99>5ms", "lost>0", "messages_per_second <
// 10000".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "report/figures.hpp"

namespace portico::client {

struct Threshold {
    enum class Comparison : std::uint8_t { above, at_least, below, at_most, equal, unequal };

    std::string text;  // as it was written
    const Figure* figure = nullptr;
    Comparison comparison = Comparison::above;
    double limit = 0;  // in the figure's unit

    // True if the run has failed because of it.
    [[nodiscard]] bool is_met(const Result& result) const;
    // "p99>5ms: it was 7123.4" and the like.
    [[nodiscard]] std::string found(const Result& result) const;
};

// FIGURE COMPARISON NUMBER[UNIT]: a figure of figures.hpp or a short name; >, >=, <, <=, == or !=;
// ns, us, ms or s for a time (required after the short names), none for the others. Fails with a
// sentence.
[[nodiscard]] base::Result<Threshold> parse_threshold(std::string_view text);

}  // namespace portico::client
