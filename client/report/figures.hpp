// The figures of a run, in one table: their names (which scripts rely on, and which never change),
// their meaning, and when they are shown. The summary, the JSON file, the report, the thresholds
// and the help are made from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "report/result.hpp"

namespace portico::client {

struct Figure {
    enum class Unit : std::uint8_t { count, per_second, mib_per_second, seconds, microseconds };

    const char* name;
    Unit unit;
    const char* help;  // a few words
    double (*value)(const Result&);
    bool (*is_shown)(const LoadPlan&);  // null: always
};

[[nodiscard]] std::span<const Figure> figures() noexcept;

// Finds a figure by its name, or by a short one: p50, p90, p99, p99.9, p99.99, max and mean are
// those of the latency. Null if there is none.
[[nodiscard]] const Figure* figure_named(std::string_view name) noexcept;
// The figure's name that is closest to an unknown one.
[[nodiscard]] std::string_view nearest_figure(std::string_view name);

// The unit's name in the files of --json: "" (a count), "/s", "MiB/s", "s" or "us".
[[nodiscard]] const char* unit_of(Figure::Unit unit) noexcept;

// The value with as many decimals as suit its unit.
[[nodiscard]] std::string text_of(Figure::Unit unit, double value);

}  // namespace portico::client
