// What a run was asked for and what it has come to: all that its summary, its files and its thresholds are made of.
#pragma once

#include <algorithm>

#include "plan.hpp"
#include "totals.hpp"

namespace portico::client {

struct Result {
    const LoadPlan& plan;
    const Totals& totals;

    // From the first message's first byte to the last reply's last one; 0 where nothing came.
    [[nodiscard]] double seconds() const noexcept {
        const bool has_span = totals.last_reply_ns > totals.first_send_ns && totals.first_send_ns != 0;
        return has_span ? static_cast<double>(totals.last_reply_ns - totals.first_send_ns) / 1e9 : 0;
    }

    // With a rate: how late this program itself was, whatever the server did, one time in a hundred: to a message that was due, or to a reply that had come.
    // Both are part of the latency.
    [[nodiscard]] std::uint64_t lag_p99_ns() const noexcept {
        return std::max(totals.lag_ns.percentile(99), totals.read_lag_ns.percentile(99));
    }
    // Whether that was too much for the figures to say something about the server: above a millisecond, and above a tenth of the latency.
    [[nodiscard]] bool has_lagged() const noexcept {
        const std::uint64_t lag_ns = lag_p99_ns();
        return plan.rate != 0 && lag_ns > lag_ns_max && lag_ns > totals.latency_ns.percentile(99) / 10;
    }
    static constexpr std::uint64_t lag_ns_max = 1'000'000;
};

}  // namespace portico::client
