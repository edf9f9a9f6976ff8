// The run in words and figures: the closing summary, the progress line, the shown differences, and the exit code.
#pragma once

#include <cstdint>
#include <string>

#include "expectation.hpp"
#include "observer.hpp"
#include "plan.hpp"
#include "totals.hpp"

namespace portico::client {

namespace exit_code {
inline constexpr int all_right = 0;
inline constexpr int could_not_run = 1;
inline constexpr int usage = 2;
inline constexpr int wrong_or_lost = 3;
inline constexpr int interrupted = 130;
}  // namespace exit_code

[[nodiscard]] int exit_code_of(const Totals& totals) noexcept;

// One line a figure, "name value", aligned; the names never change (--help lists them). The plan says which figures make sense.
[[nodiscard]] std::string summary(const Totals& totals, const LoadPlan& plan);

// Why connections failed or broke: "client: 3 connections: REASON", a line each.
[[nodiscard]] std::string failure_lines(const Totals& totals);

// Without a line end.
[[nodiscard]] std::string progress_line(const Progress& progress, std::uint64_t elapsed_ns, double messages_per_second);

[[nodiscard]] std::string difference_line(const Difference& difference);

}  // namespace portico::client
