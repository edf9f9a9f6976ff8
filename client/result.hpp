// What a run was asked for and what it has come to: all that its summary, its files and its thresholds are made of.
#pragma once

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

    // With a rate: whether this program was too late itself for its figures to say something about the server. Each message's lag is how late the program
    // came to it, whatever the server did; it is part of the latency. It spoils the figures where, at the 99th percentile, it is above a millisecond
    // and above a tenth of the latency.
    [[nodiscard]] bool has_lagged() const noexcept {
        const std::uint64_t lag_ns = totals.lag_ns.percentile(99);
        return plan.rate != 0 && lag_ns > lag_ns_max && lag_ns > totals.latency_ns.percentile(99) / 10;
    }
    static constexpr std::uint64_t lag_ns_max = 1'000'000;
};

}  // namespace portico::client
