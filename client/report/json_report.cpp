#include "report/json_report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

namespace portico::client {

namespace {

using Json = nlohmann::ordered_json;

// Raise it if a member changes its meaning or is removed, but not for a new one.
constexpr int schema_version = 1;

Json figures_of(const Result& result) {
    Json all = Json::object();
    for (const Figure& figure : figures()) {
        if (figure.is_shown != nullptr && !figure.is_shown(result.plan)) {
            continue;
        }
        const double value = figure.value(result);
        Json& its = all[figure.name];
        if (figure.unit == Figure::Unit::count && value == std::floor(value)) {
            its = {{"value", static_cast<std::uint64_t>(value)}};
        } else if (figure.unit == Figure::Unit::count) {  // a rate of 0.5
            its = {{"value", value}};
        } else {
            its = {{"value", value}, {"unit", unit_of(figure.unit)}};
        }
    }
    return all;
}

Json histogram_of(const Histogram& histogram) {
    Json buckets = Json::array();
    histogram.for_each([&](std::uint64_t value_ns, std::uint64_t count) {
        buckets.push_back({value_ns, count});
    });
    return {{"unit", "ns"},
            {"count", histogram.count()},
            {"max", histogram.max()},
            {"buckets", std::move(buckets)}};
}

Json series_of(const TimeSeries& series) {
    Json slots = Json::array();
    for (const TimeSeries::Slot& slot : series.slots()) {
        slots.push_back({slot.received, slot.bytes_received, slot.failed, slot.latency_ns(50),
                         slot.latency_ns(99), slot.latency_max_ns});
    }
    return {{"slot_seconds", static_cast<double>(series.slot_ns()) / 1e9},
            {"columns",
             {"received", "bytes_received", "failed", "latency_p50_ns", "latency_p99_ns",
              "latency_max_ns"}},
            {"slots", std::move(slots)}};
}

Json thresholds_of(const RunRecord& record) {
    Json all = Json::array();
    for (const Threshold& threshold : record.thresholds) {
        all.push_back({{"fail_if", threshold.text},
                       {"figure", threshold.figure->name},
                       {"value", threshold.figure->value(record.result)},
                       {"failed", threshold.is_met(record.result)}});
    }
    return all;
}

constexpr const char* system_name() noexcept {
#ifdef _WIN32
    return "Windows";
#else
    return "Linux";
#endif
}

}  // namespace

std::string json_report(const RunRecord& record) {
    const Totals& totals = record.result.totals;
    Json failures = Json::array();
    for (const auto& [reason, count] : totals.failures) {
        failures.push_back({{"reason", reason}, {"connections", count}});
    }
    const Json report = {
        {"schema", "portico-client-run"},
        {"version", schema_version},
        {"client", PORTICO_VERSION},
        {"began", record.began},
        {"arguments", record.arguments},
        {"machine",
         {{"system", system_name()}, {"processors", std::thread::hardware_concurrency()}}},
        {"exit_code", record.exit_code},
        {"interrupted", totals.interrupted},
        {"lagged", record.result.has_lagged()},
        {"thresholds", thresholds_of(record)},
        {"figures", figures_of(record.result)},
        {"failures", std::move(failures)},
        {"series", series_of(totals.series)},
        {"latency", histogram_of(totals.latency_ns)},
        {"service", histogram_of(totals.service_ns)},
        {"connect", histogram_of(totals.connect_ns)},
    };
    // Reasons may come from the system, in any encoding.
    return report.dump(1, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace portico::client
