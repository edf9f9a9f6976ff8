#include "report/live_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "report/columns.hpp"

namespace portico::client {

namespace {

double seconds(std::uint64_t ns) noexcept {
    return static_cast<double>(ns) / 1e9;
}

// 0 to 1: the share of the planned time, or of the planned messages.
double share_done(const Moment& moment, const LoadPlan& plan) noexcept {
    const double share = plan.count == 0
                             ? seconds(moment.progress.sending_ns) / seconds(plan.duration_ns)
                             : static_cast<double>(moment.progress.received) /
                                   (static_cast<double>(plan.count) *
                                    static_cast<double>(plan.connections));
    return std::clamp(share, 0.0, 1.0);
}

std::string percent(double share) {
    return fixed(std::floor(100 * share), 0) + " %";
}

std::string latencies(const Progress& progress) {
    if (progress.latency_p99_ns == 0) {
        return {};
    }
    return "  p50 " + fixed(static_cast<double>(progress.latency_p50_ns) / 1e3, 1) + " us  p99 " +
           fixed(static_cast<double>(progress.latency_p99_ns) / 1e3, 1) + " us";
}

std::string shortened(std::string line, std::size_t width) {
    line.resize(std::min(line.size(), width));
    return line;
}

// Joins as many of `parts` as fit; those that come first in `order` are preferred.
std::string fitting(const std::array<std::string, 4>& parts,
                    const std::array<std::size_t, 4>& order, std::size_t width) {
    std::array<bool, 4> is_taken{};
    std::size_t size = 0;
    for (const std::size_t which : order) {
        is_taken[which] = size + parts[which].size() <= width;
        size += is_taken[which] ? parts[which].size() : 0;
    }
    std::string line;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        line += is_taken[i] ? parts[i] : "";
    }
    return line;
}

}  // namespace

std::string live_lines(const Moment& moment, const LoadPlan& plan, std::size_t width) {
    constexpr std::size_t beside_bar = 39;  // room for the text after it, in most cases
    const std::size_t bar_width = std::clamp<std::size_t>(width - std::min(width, beside_bar), 10,
                                                          40);
    const Progress& progress = moment.progress;
    const double share = share_done(moment, plan);
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_width));
    std::string first = '[' + std::string(filled, '#') + std::string(bar_width - filled, '.') +
                        "] " + percent(share) + "  " + fixed(seconds(moment.elapsed_ns), 0) + " s";
    if (progress.sending_ns == 0) {
        first += "  connecting";
    } else if (plan.count == 0) {
        first += " of " + fixed(seconds(plan.duration_ns), 0) + " s";
    } else if (share > 0 && share < 1) {
        first += "  " + fixed(seconds(progress.sending_ns) * (1 - share) / share, 0) + " s left";
    }
    const std::uint64_t failures = std::accumulate(progress.findings.begin(),
                                                   progress.findings.end(), std::uint64_t{0});
    const std::string second = fitting(
        {fixed(moment.messages_per_second, 0) + "/s", latencies(progress),
         "  connections " + std::to_string(progress.connections_opened),
         "  failures " + std::to_string(failures)},
        {0, 3, 1, 2}, width);
    return shortened(first, width) + '\n' + shortened(second, width);
}

std::string log_line(const Moment& moment, const LoadPlan& plan) {
    const Progress& progress = moment.progress;
    std::string line = fixed(seconds(moment.elapsed_ns), 0) + " s  " +
                       percent(share_done(moment, plan)) + "  connections " +
                       std::to_string(progress.connections_opened) + "  received " +
                       std::to_string(progress.received) + "  " +
                       fixed(moment.messages_per_second, 0) + "/s" + latencies(progress);
    for (std::size_t kind = 0; kind < finding_kinds; ++kind) {
        const std::uint64_t count = progress.findings[kind];
        line += count != 0 ? std::string("  ") + to_string(static_cast<Finding::Kind>(kind)) + ' ' +
                                 std::to_string(count)
                           : "";
    }
    return line;
}

}  // namespace portico::client
