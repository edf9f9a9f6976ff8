#include "report/figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

namespace portico::client {

namespace {

double per_second(double amount, double seconds) noexcept {
    return seconds > 0 ? amount / seconds : 0;
}

template <std::uint64_t Totals::*Member>
double count(const Result& result) {
    return static_cast<double>(result.totals.*Member);
}

// A percentile of a histogram of nanoseconds, in microseconds; `Percent` in hundredths.
template <Histogram Totals::*Member, unsigned Percent>
double percentile_us(const Result& result) {
    const Histogram& histogram = result.totals.*Member;
    return static_cast<double>(Percent == 10'000 ? histogram.max()
                                                 : histogram.percentile(Percent / 100.0)) /
           1e3;
}

template <Histogram Totals::*Member>
double mean_us(const Result& result) {
    return (result.totals.*Member).mean() / 1e3;
}

double rate(const Result& result) {
    return result.plan.rate.per_second();
}

double rate_achieved(const Result& result) {
    const Totals& totals = result.totals;
    // N messages at even distances have N - 1 distances between them.
    const double between = totals.sent > 1 ? static_cast<double>(totals.sent - 1) : 0;
    const double sending = static_cast<double>(totals.last_send_ns - totals.first_send_ns) / 1e9;
    const double duration = static_cast<double>(result.plan.duration_ns) / 1e9;
    // The whole time in which messages were due, even if no connection was left to send them.
    const bool is_whole = result.plan.count == 0 && !totals.interrupted && duration > sending;
    return is_whole ? static_cast<double>(totals.sent) / duration : per_second(between, sending);
}

double replaced_per_second(const Result& result) {
    return per_second(static_cast<double>(result.totals.connections_replaced), result.seconds());
}

double outage_seconds(const Result& result) {
    return static_cast<double>(result.totals.outage_ns) / 1e9;
}

double seconds(const Result& result) {
    return result.seconds();
}

double messages_per_second(const Result& result) {
    return per_second(static_cast<double>(result.totals.received), result.seconds());
}

double mib_per_second(const Result& result) {
    return per_second(static_cast<double>(result.totals.bytes_received) / 1'048'576,
                      result.seconds());
}

bool with_churn(const LoadPlan& plan) {
    return plan.messages_per_connection != 0;
}

bool with_reconnect(const LoadPlan& plan) {
    return plan.reconnect;
}

bool with_idle(const LoadPlan& plan) {
    return plan.idle != 0;
}

bool with_hostile(const LoadPlan& plan) {
    return !plan.hostile.empty();
}

bool with_warm_up(const LoadPlan& plan) {
    return plan.warm_up_ns != 0;
}

bool with_rate(const LoadPlan& plan) {
    return static_cast<bool>(plan.rate);
}

using Unit = Figure::Unit;

constexpr std::array table{
    Figure{"connections_opened", Unit::count, "", count<&Totals::connections_opened>, nullptr},
    Figure{"connections_failed", Unit::count, "could not be opened",
           count<&Totals::connections_failed>, nullptr},
    Figure{"connections_broken", Unit::count, "opened, but ended before their work was done",
           count<&Totals::connections_broken>, nullptr},
    Figure{"connections_per_second", Unit::per_second,
           "--messages-per-connection: opened while messages flowed", replaced_per_second,
           with_churn},
    Figure{"reconnects", Unit::count, "--reconnect: connections that came back",
           count<&Totals::reconnects>, with_reconnect},
    Figure{"outage_seconds", Unit::seconds, "--reconnect: the longest that one had no answer",
           outage_seconds, with_reconnect},
    Figure{"outage_failed", Unit::count, "--reconnect: messages that failed then, and are lost",
           count<&Totals::outage_failed>, with_reconnect},
    Figure{"idle_opened", Unit::count, "--idle", count<&Totals::idle_opened>, with_idle},
    Figure{"idle_broken", Unit::count, "--idle: could not be opened, or ended too soon",
           count<&Totals::idle_broken>, with_idle},
    Figure{"hostile_opened", Unit::count,
           "--hostile: connections of bad clients; that the server ended; that failed",
           count<&Totals::hostile_opened>, with_hostile},
    Figure{"hostile_ended", Unit::count, "", count<&Totals::hostile_ended>, with_hostile},
    Figure{"hostile_failed", Unit::count, "", count<&Totals::hostile_failed>, with_hostile},
    Figure{"sent", Unit::count, "messages that left", count<&Totals::sent>, nullptr},
    Figure{"rate", Unit::count, "--rate: asked for", rate, with_rate},
    Figure{"rate_achieved", Unit::per_second, "--rate: how many a second left", rate_achieved,
           with_rate},
    Figure{"sent_late", Unit::count, "--rate: left more than 1 ms after they were due",
           count<&Totals::sent_late>, with_rate},
    Figure{"not_sent", Unit::count, "--rate: were due, and never left", count<&Totals::not_sent>,
           with_rate},
    Figure{"warm_up", Unit::count, "--warm-up: replies during it, in no other figure",
           count<&Totals::warm_up>, with_warm_up},
    Figure{"received", Unit::count, "replies that came, including wrong ones",
           count<&Totals::received>, nullptr},
    Figure{"wrong", Unit::count, "replies not as expected", count<&Totals::wrong>, nullptr},
    Figure{"lost", Unit::count, "messages without a reply", count<&Totals::lost>, nullptr},
    Figure{"duplicate", Unit::count, "replies to a message answered before",
           count<&Totals::duplicate>, nullptr},
    Figure{"reordered", Unit::count, "replies after one to a later message",
           count<&Totals::reordered>, nullptr},
    Figure{"late", Unit::count, "replies after --timeout, lost until then", count<&Totals::late>,
           nullptr},
    Figure{"crossed", Unit::count, "replies to another connection's messages",
           count<&Totals::crossed>, nullptr},
    Figure{"unexpected", Unit::count, "other replies to nothing", count<&Totals::unexpected>,
           nullptr},
    Figure{"unanswered", Unit::count, "messages in flight at Ctrl-C", count<&Totals::unanswered>,
           nullptr},
    Figure{"bytes_sent", Unit::count, "", count<&Totals::bytes_sent>, nullptr},
    Figure{"bytes_received", Unit::count, "", count<&Totals::bytes_received>, nullptr},
    Figure{"seconds", Unit::seconds, "from the first message to the last reply", seconds, nullptr},
    Figure{"messages_per_second", Unit::per_second, "received", messages_per_second, nullptr},
    Figure{"mib_per_second", Unit::mib_per_second, "received", mib_per_second, nullptr},
    Figure{"latency_mean_us", Unit::microseconds, "from the send, with --rate from when it was due",
           mean_us<&Totals::latency_ns>, nullptr},
    Figure{"latency_p50_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 5'000>,
           nullptr},
    Figure{"latency_p90_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 9'000>,
           nullptr},
    Figure{"latency_p99_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 9'900>,
           nullptr},
    Figure{"latency_p999_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 9'990>,
           nullptr},
    Figure{"latency_p9999_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 9'999>,
           nullptr},
    Figure{"latency_max_us", Unit::microseconds, "", percentile_us<&Totals::latency_ns, 10'000>,
           nullptr},
    Figure{"service_p50_us", Unit::microseconds, "--rate: from the send, whenever that was",
           percentile_us<&Totals::service_ns, 5'000>, with_rate},
    Figure{"service_p90_us", Unit::microseconds, "", percentile_us<&Totals::service_ns, 9'000>,
           with_rate},
    Figure{"service_p99_us", Unit::microseconds, "", percentile_us<&Totals::service_ns, 9'900>,
           with_rate},
    Figure{"service_max_us", Unit::microseconds, "", percentile_us<&Totals::service_ns, 10'000>,
           with_rate},
    Figure{"lag_p99_us", Unit::microseconds, "--rate: how late the client itself came to a message",
           percentile_us<&Totals::lag_ns, 9'900>, with_rate},
    Figure{"read_lag_p99_us", Unit::microseconds, "--rate: and, at most, to bytes that had come",
           percentile_us<&Totals::read_lag_ns, 9'900>, with_rate},
    Figure{"connect_p50_us", Unit::microseconds, "how long it took to open a connection",
           percentile_us<&Totals::connect_ns, 5'000>, nullptr},
    Figure{"connect_p99_us", Unit::microseconds, "", percentile_us<&Totals::connect_ns, 9'900>,
           nullptr},
    Figure{"connect_max_us", Unit::microseconds, "", percentile_us<&Totals::connect_ns, 10'000>,
           nullptr},
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> short_names{{
    {"p50", "latency_p50_us"},
    {"p90", "latency_p90_us"},
    {"p99", "latency_p99_us"},
    {"p99.9", "latency_p999_us"},
    {"p99.99", "latency_p9999_us"},
    {"max", "latency_max_us"},
    {"mean", "latency_mean_us"},
}};

// Levenshtein's distance.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t i = 0; i <= right.size(); ++i) {
        row[i] = i;
    }
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
        }
    }
    return row.back();
}

}  // namespace

std::span<const Figure> figures() noexcept {
    return table;
}

const Figure* figure_named(std::string_view name) noexcept {
    const auto is_short = std::find_if(short_names.begin(), short_names.end(),
                                       [&](const auto& each) { return each.first == name; });
    const std::string_view wanted = is_short != short_names.end() ? is_short->second : name;
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const Figure& each) { return each.name == wanted; });
    return found != table.end() ? &*found : nullptr;
}

std::string_view nearest_figure(std::string_view name) {
    std::string_view nearest;
    std::size_t least = SIZE_MAX;
    const auto consider = [&](std::string_view candidate) {
        if (const std::size_t its = distance(name, candidate); its < least) {
            least = its;
            nearest = candidate;
        }
    };
    for (const Figure& figure : table) {
        consider(figure.name);
    }
    for (const auto& each : short_names) {
        consider(each.first);
    }
    return nearest;
}

const char* unit_of(Figure::Unit unit) noexcept {
    switch (unit) {
        case Figure::Unit::count: return "";
        case Figure::Unit::per_second: return "/s";
        case Figure::Unit::mib_per_second: return "MiB/s";
        case Figure::Unit::seconds: return "s";
        case Figure::Unit::microseconds: return "us";
    }
    return "";
}

std::string text_of(Figure::Unit unit, double value) {
    int decimals = 0;
    switch (unit) {
        case Unit::count: decimals = value == std::floor(value) ? 0 : 3; break;
        case Unit::per_second:
        case Unit::microseconds: decimals = 1; break;
        case Unit::mib_per_second: decimals = 2; break;
        case Unit::seconds: decimals = 3; break;
    }
    char text[64];
    const int size = std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace portico::client
