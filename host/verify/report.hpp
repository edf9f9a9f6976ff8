// What a verification has found, as a table for people and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "verify/finding.hpp"

namespace portico::verify {

struct CheckResult {
    std::string name;
    std::string what;
    std::vector<Finding> findings;
    std::string skipped;  // why it did not run; empty: it did
    std::vector<std::string> notes;
    std::uint32_t runs = 0;  // worlds
    double seconds = 0;
    std::optional<std::uint64_t> seed;  // of the random world that failed
    std::vector<std::string> shrunk;    // the actions that are left of it
    // By the host's function: the statuses that it answered.
    std::map<std::string, std::vector<std::string>> answers;

    [[nodiscard]] bool has_failed() const noexcept { return !findings.empty(); }
};

struct PluginFacts {
    std::string name;
    std::string version;
    std::string file;
    std::string framing;  // of the listener that is verified
};

struct Report {
    PluginFacts plugin;
    std::uint64_t seed = 1;
    std::uint32_t seeds = 0;
    std::vector<CheckResult> checks;

    [[nodiscard]] bool has_failed() const noexcept;
};

[[nodiscard]] std::string table_of(const Report& report);
[[nodiscard]] std::string json_of(const Report& report);

// A report of one check, on its way from its process. Fails if the text is damaged.
[[nodiscard]] base::Result<Report> parse_report(std::string_view text);

}  // namespace portico::verify
