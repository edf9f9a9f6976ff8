// Callbacks' times and errors in the store of metrics, and their labels.
#include "plugin/callback_counts.hpp"

#include <set>
#include <string>

#include "portico/status.h"
#include "support/catch.hpp"

using namespace portico;
using plugin::CallbackCounts;

namespace {

const plugin::MetricReading::Series* find(const std::vector<plugin::MetricReading>& all,
                                          const std::string& name, const std::string& listener,
                                          const std::vector<std::string>& values) {
    for (const plugin::MetricReading& reading : all) {
        for (const plugin::MetricReading::Series& series : reading.series) {
            if (reading.definition->name == name && series.metric->listener == listener &&
                series.series->values() == values) {
                return &series;
            }
        }
    }
    return nullptr;
}

double errors(const plugin::Metrics& store, const std::string& listener,
              const std::vector<std::string>& values) {
    const auto all = store.read();
    const auto* series = find(all, CallbackCounts::errors_name, listener, values);
    return series != nullptr ? series->value : -1;
}

}  // namespace

TEST_CASE("a callback's time goes to the bucket of its listener and name", "[callback_counts]") {
    plugin::Metrics store(2, nullptr);
    CallbackCounts one;
    CallbackCounts other;
    one.use(store, "one", "echo");
    other.use(store, "other", "echo");
    one.took(0, "on_data", 1'500);  // more than 1 us, at most 2 us
    one.took(1, "on_data", 2'000);  // the bound is included
    one.took(1, "on_data", 20'000'000'000);
    one.took(0, plugin::timer_name, 1);
    one.took(0, "nothing of that name", 1);
    const auto all = store.read();
    const auto* data = find(all, CallbackCounts::seconds_name, "one", {"on_data"});
    REQUIRE(data != nullptr);
    REQUIRE(data->buckets.size() == 17);
    CHECK(data->buckets[0] == 0);
    CHECK(data->buckets[1] == 2);
    CHECK(data->buckets[16] == 1);
    CHECK(data->sum > 20);
    CHECK(find(all, CallbackCounts::seconds_name, "one", {"timer"})->buckets[0] == 1);
    CHECK(find(all, CallbackCounts::seconds_name, "other", {"on_data"})->buckets[1] == 0);
}

TEST_CASE("errors are counted by callback and status, and go on with the next instance",
          "[callback_counts]") {
    plugin::Metrics store(1, nullptr);
    {
        CallbackCounts first;
        first.use(store, "l", "p");
        CHECK(errors(store, "l", {"on_data", "invalid"}) == -1);  // there is none before the first
        first.failed(0, "on_data", PORTICO_INVALID);
        first.failed(0, "on_data", PORTICO_INVALID);
        first.failed(0, "on_open", PORTICO_ERROR);
        first.failed(0, "on_stop", -1'000);
        first.failed(0, "nothing of that name", PORTICO_ERROR);
    }
    CallbackCounts second;
    second.use(store, "l", "p");
    second.failed(0, "on_data", PORTICO_INVALID);
    CHECK(errors(store, "l", {"on_data", "invalid"}) == 3);
    CHECK(errors(store, "l", {"on_open", "error"}) == 1);
    CHECK(errors(store, "l", {"on_stop", "other"}) == 1);
}

TEST_CASE("without a store nothing is counted", "[callback_counts]") {
    CallbackCounts none;
    none.took(0, "on_data", 1);
    none.failed(0, "on_data", PORTICO_ERROR);
}

TEST_CASE("each status and each callback has a label of its own", "[callback_counts]") {
    std::set<std::string> statuses;
    for (std::int32_t status = PORTICO_TIMED_OUT - 1; status < 0; ++status) {
        statuses.insert(CallbackCounts::status_label(status));
    }
    CHECK(statuses.size() == 16);
    CHECK(CallbackCounts::status_label(PORTICO_WOULD_BLOCK) == std::string("would_block"));
    CHECK(CallbackCounts::status_label(PORTICO_TIMED_OUT) == std::string("timed_out"));
    std::set<std::string_view> labels;
    for (const plugin::CallbackName& callback : plugin::callback_names) {
        labels.insert(callback.label);
        CHECK(plugin::callback_names[plugin::callback_index(callback.name)].label ==
              callback.label);
    }
    CHECK(labels.size() == plugin::callback_names.size());
}
