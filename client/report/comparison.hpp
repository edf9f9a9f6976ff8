// The difference between two sets of measurements: the ratio of their medians, and how sure it is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/saved_run.hpp"

namespace portico::client {

// B / A, with the interval that holds 95 of 100 bootstrap samples (2,000 of them, drawn alike in
// every run, so the same input gives the same interval).
struct Ratio {
    double middle = 1;
    double low = 1;
    double high = 1;

    [[nodiscard]] bool shows_difference() const noexcept { return low > 1 || high < 1; }
};

// For rounds, each of which has measured both sides: the median of their ratios; whole rounds are
// drawn. `a` and `b` have equal sizes, at least one, and all values are above 0.
[[nodiscard]] Ratio paired_ratio(std::span<const double> a, std::span<const double> b);
// For two independent runs: the ratio of the medians; each run's values are drawn separately.
[[nodiscard]] Ratio unpaired_ratio(std::span<const double> a, std::span<const double> b);

// One figure of both sides.
struct Compared {
    std::string name;
    bool more_is_better = false;
    double a = 0;  // medians
    double b = 0;
    Ratio ratio;

    // Compares the medians; ratio.shows_difference() says whether that is more than chance.
    [[nodiscard]] bool is_b_better() const noexcept { return (ratio.middle > 1) == more_is_better; }
};

[[nodiscard]] Compared compared_pairs(std::string name, bool more_is_better,
                                      std::span<const double> a, std::span<const double> b);

// Returns a table, a line for each figure, and below it a sentence for each figure that differs, or
// one that none does. `a`, `b`: the names of the sides. `spoilt`: a sentence that stands there
// instead, with the reason why the figures prove nothing.
[[nodiscard]] std::string comparison_text(std::string_view a, std::string_view b,
                                          std::span<const Compared> all,
                                          std::string_view spoilt = {});

// The differences between two runs that make more than the servers differ: other options, another
// machine, another client, a run that was interrupted or failed. Returns a sentence for each.
// Ignores the address and options about output.
[[nodiscard]] std::vector<std::string> comparison_warnings(const SavedRun& a, const SavedRun& b);

// Compares their slots, without the last one of each, which the run's end has cut, and without
// those in which nothing came. Throws std::runtime_error with a sentence if too few are left.
[[nodiscard]] std::vector<Compared> compare_runs(const SavedRun& a, const SavedRun& b);

}  // namespace portico::client
