// A run's plan and its totals: everything that its summary, its files and its thresholds need.
#pragma once

#include <algorithm>

#include "load/plan.hpp"
#include "measure/totals.hpp"

namespace portico::client {

struct Result {
    const LoadPlan& plan;
    const Totals& totals;

    // The time from the first message's first byte to the last reply's last byte; 0 if nothing
    // came.
    [[nodiscard]] double seconds() const noexcept {
        const bool has_span = totals.last_reply_ns > totals.first_send_ns &&
                              totals.first_send_ns != 0;
        return has_span ? static_cast<double>(totals.last_reply_ns - totals.first_send_ns) / 1e9
                        : 0;
    }

    // With a rate: the 99th percentile of this program's own delay, whatever the server did: to a
    // message that was due, or to a reply that had come. Both are part of the latency.
    [[nodiscard]] std::uint64_t lag_p99_ns() const noexcept {
        return std::max(totals.lag_ns.percentile(99), totals.read_lag_ns.percentile(99));
    }
    // True if that was too much for the figures to describe the server: above a millisecond, and
    // above a tenth of the latency.
    [[nodiscard]] bool has_lagged() const noexcept {
        const std::uint64_t lag_ns = lag_p99_ns();
        return plan.rate && lag_ns > lag_ns_max && lag_ns > totals.latency_ns.percentile(99) / 10;
    }

    // With a rate: whether more than a twentieth of the due messages never left, or all left but it
    // took a twentieth (and a tenth of a second) longer than the schedule.
    [[nodiscard]] bool has_missed_rate() const noexcept {
        if (!plan.rate || totals.interrupted) {
            return false;
        }
        if (plan.count == 0 || totals.not_sent != 0) {
            return totals.not_sent > (totals.sent + totals.not_sent) / 20;
        }
        const double distances = totals.sent > 1 ? static_cast<double>(totals.sent - 1) : 0;
        const double planned = distances / plan.rate.per_second();
        const double taken = static_cast<double>(totals.last_send_ns - totals.first_send_ns) / 1e9;
        return taken > planned + std::max(planned / 20, 0.1);
    }
    static constexpr std::uint64_t lag_ns_max = 1'000'000;
};

}  // namespace portico::client
