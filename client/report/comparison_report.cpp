#include "report/comparison_report.hpp"

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "report/figures.hpp"

namespace portico::client {

namespace {

using Json = nlohmann::ordered_json;

// Raise it if a member changes its meaning or is removed, but not for a new one.
constexpr int comparison_version = 1;

Json figures_of(const SavedRun& run) {
    Json all = Json::object();
    for (const SavedFigure& figure : run.figures) {
        Json& its = all[figure.name] = {{"value", figure.value}};
        if (!figure.unit.empty()) {
            its["unit"] = figure.unit;
        }
    }
    return all;
}

Json histogram_of(const SavedHistogram& histogram) {
    return {{"unit", "ns"},
            {"count", histogram.count},
            {"max", histogram.max_ns},
            {"buckets", histogram.buckets}};
}

Json side_of(const ComparedSide& side) {
    const SavedRun& run = side.run;
    Json failures = Json::array();
    for (const auto& [reason, connections] : run.failures) {
        failures.push_back({{"reason", reason}, {"connections", connections}});
    }
    return {{"name", side.name},
            {"client", run.client},
            {"began", run.began},
            {"arguments", run.arguments},
            {"machine", {{"system", run.system}, {"processors", run.processors}}},
            {"exit_code", run.exit_code},
            {"interrupted", run.interrupted},
            {"lagged", run.lagged},
            {"figures", figures_of(run)},
            {"failures", std::move(failures)},
            {"series", {{"slot_seconds", run.slot_seconds}, {"slots", run.slots}}},
            {"rounds", side.rounds},
            {"latency", histogram_of(run.latency)},
            {"service", histogram_of(run.service)}};
}

Json figure_of(const Compared& compared) {
    const Figure* figure = figure_named(compared.name);
    PORTICO_ASSERT(figure != nullptr);
    const Ratio& ratio = compared.ratio;
    Json better;
    if (ratio.shows_difference()) {
        better = compared.is_b_better() ? "B" : "A";
    }
    return {{"name", compared.name},
            {"unit", unit_of(figure->unit)},
            {"more_is_better", compared.more_is_better},
            {"a", compared.a},
            {"b", compared.b},
            {"ratio", ratio.middle},
            {"low", ratio.low},
            {"high", ratio.high},
            {"better", std::move(better)}};
}

}  // namespace

std::string comparison_json(const ComparisonRecord& record) {
    Json figures = Json::array();
    for (const Compared& each : record.figures) {
        figures.push_back(figure_of(each));
    }
    const Json report = {
        {"schema", "portico-client-comparison"},
        {"version", comparison_version},
        {"client", PORTICO_VERSION},
        {"made", record.made},
        {"arguments", record.arguments},
        {"of", record.of_servers ? "servers" : "files"},
        {"warnings", record.warnings},
        {"figures", std::move(figures)},
        {"sides", Json::array({side_of(record.sides[0]), side_of(record.sides[1])})},
    };
    // Names and reasons may be in any encoding.
    return report.dump(1, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace portico::client
