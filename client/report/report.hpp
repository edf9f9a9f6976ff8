// The run in words and figures: the closing summary, the progress line, the shown differences, and
// the exit code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "measure/observer.hpp"
#include "messages/expectation.hpp"
#include "report/result.hpp"
#include "report/thresholds.hpp"

namespace portico::client {

namespace exit_code {
inline constexpr int all_right = 0;
inline constexpr int could_not_run = 1;
inline constexpr int usage = 2;
inline constexpr int wrong_or_lost = 3;
inline constexpr int threshold = 4;
inline constexpr int lagged = 5;
inline constexpr int interrupted = 130;
}  // namespace exit_code

[[nodiscard]] int exit_code_of(const Totals& totals) noexcept;
// The first of these that applies: interrupted, could not run, something wrong or lost, lagged, a
// threshold that has failed.
[[nodiscard]] int exit_code_of(const Result& result, std::span<const Threshold> thresholds);

// One line for each figure, "name value", aligned; the names never change (--help lists them). The
// plan decides which figures make sense.
[[nodiscard]] std::string summary(const Result& result);
// The same for people: without zeros, and each time in the unit that suits it ("latency_p99  1.25
// ms").
[[nodiscard]] std::string readable_summary(const Result& result);

// A drawing of the latencies: a line for each step of 1, 2, 5, 10, ... with its share of the
// messages, and how many were no slower. Empty if there are none. Each line has at most `columns`
// characters, if at all possible.
[[nodiscard]] std::string latency_drawing(const Histogram& latency_ns, std::size_t columns = 89);

// Each threshold that has failed, and each reason to distrust the figures: "client: ...", a line
// each.
[[nodiscard]] std::string verdict_lines(const Result& result,
                                        std::span<const Threshold> thresholds);

// Why connections failed or broke: "client: 3 connections: REASON", a line each.
[[nodiscard]] std::string failure_lines(const Totals& totals);

// The kind of the finding and its place, and below it the bytes: the expected ones above the
// received ones, with their offsets, and a mark under the first that differs. The last line has no
// newline.
[[nodiscard]] std::string finding_lines(const Finding& finding);

}  // namespace portico::client
