// A run that is under way, as text: two lines that a terminal redraws in the same place, or one
// line for a log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "load/plan.hpp"
#include "measure/observer.hpp"

namespace portico::client {

struct Moment {
    Progress progress;
    std::uint64_t elapsed_ns = 0;    // since the first connect
    double messages_per_second = 0;  // in the last moments
};

inline constexpr std::size_t live_width_max = 79;

// "[#########.....................]  30 %  3 s of 10 s" and "12000/s  p50 80.1 us  p99 310.2 us
// connections 64  failures 0", each of at most `width` characters: if that is little, the bar is
// shorter and the connections and latencies are left out.
[[nodiscard]] std::string live_lines(const Moment& moment, const LoadPlan& plan,
                                     std::size_t width = live_width_max);

// "3 s  30 %  received 36000  12000/s  p50 80.1 us  p99 310.2 us", and the failures.
[[nodiscard]] std::string log_line(const Moment& moment, const LoadPlan& plan);

}  // namespace portico::client
