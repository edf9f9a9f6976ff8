// How much two sets of measurements differ: the ratio of their medians, and how sure that is.
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

// Of rounds, each of which has measured both: the median of their ratios; rounds are drawn. As many
// of each, at least one, all above 0.
[[nodiscard]] Ratio paired_ratio(std::span<const double> a, std::span<const double> b);
// Of two runs on their own: the ratio of the medians; each run's values are drawn by themselves.
[[nodiscard]] Ratio unpaired_ratio(std::span<const double> a, std::span<const double> b);

// One figure of both.
struct Compared {
    std::string name;
    bool more_is_better = false;
    double a = 0;  // medians
    double b = 0;
    Ratio ratio;

    // By the medians; ratio.shows_difference() says whether that is more than chance.
    [[nodiscard]] bool is_b_better() const noexcept { return (ratio.middle > 1) == more_is_better; }
};

[[nodiscard]] Compared compared_pairs(std::string name, bool more_is_better,
                                      std::span<const double> a, std::span<const double> b);

// A table, a line each, and below it a sentence for each figure that differs, or that none does.
// `a`, `b`: what they are called. `spoilt`: why nothing follows from the figures, a sentence that
// stands there instead.
[[nodiscard]] std::string comparison_text(std::string_view a, std::string_view b,
                                          std::span<const Compared> all,
                                          std::string_view spoilt = {});

// What makes two runs unlike, so that more than the servers is compared: other options, another
// machine, another client, a run that was interrupted or went wrong. A sentence each. The address,
// and options about output, do not count.
[[nodiscard]] std::vector<std::string> comparison_warnings(const SavedRun& a, const SavedRun& b);

// Compares their slots, except the last one of each, which the run's end has cut, and those in
// which nothing came. Throws std::runtime_error with a sentence if there are too few.
[[nodiscard]] std::vector<Compared> compare_runs(const SavedRun& a, const SavedRun& b);

}  // namespace portico::client
