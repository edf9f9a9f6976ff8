#include "plugin/callback_counts.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "portico/status.h"

namespace portico::plugin {

namespace {

// Steps of about 2 where callbacks usually are; long ones only have to be seen.
const std::vector<double> seconds_bounds{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
                                         5e-4, 1e-3, 5e-3, 2e-2, 1e-1, 0.5,  1.0,  10.0};

// One for each error of the ABI, by its number; the last one stands for all other numbers.
constexpr std::array<const char*, 16> status_labels{
    "error",     "gone",        "would_block", "too_large", "closing",    "invalid",
    "no_memory", "unsupported", "limit",       "not_found", "wrong_type", "protocol_error",
    "refused",   "cancelled",   "timed_out",   "other"};
static_assert(PORTICO_ERROR == -1 && PORTICO_INVALID == -6 && PORTICO_TIMED_OUT == -15);

std::size_t status_index(std::int32_t status) noexcept {
    constexpr auto last = static_cast<std::int32_t>(status_labels.size()) - 1;
    return static_cast<std::size_t>(status < 0 && status >= -last ? -1 - status : last);
}

MetricDefinition definition_of(MetricDefinition::Kind kind, const char* name, const char* help,
                               std::vector<std::string> labels) {
    MetricDefinition definition;
    definition.kind = kind;
    definition.name = name;
    definition.help = help;
    definition.labels = std::move(labels);
    return definition;
}

// No plugin can have defined the host's names otherwise: its own all begin with its name.
ListenerMetric& define(Metrics& store, MetricDefinition definition, const std::string& listener,
                       const std::string& plugin) {
    base::Result<ListenerMetric*> defined = store.define(std::move(definition), listener, plugin);
    PORTICO_ASSERT(static_cast<bool>(defined));
    return **defined;
}

}  // namespace

const char* CallbackCounts::status_label(std::int32_t status) noexcept {
    return status_labels[status_index(status)];
}

void CallbackCounts::use(Metrics& store, const std::string& listener, const std::string& plugin) {
    static_assert(statuses == status_labels.size());
    MetricDefinition seconds = definition_of(
        MetricDefinition::Kind::histogram, seconds_name,
        "Time that a callback of the plugin took, of about one callback in 128, in seconds.",
        {"callback"});
    seconds.bounds = seconds_bounds;
    ListenerMetric& times = define(store, std::move(seconds), listener, plugin);
    for (std::size_t i = 0; i < callback_names.size(); ++i) {
        const std::string_view label = callback_names[i].label;
        seconds_[i] = store.series(times, {&label, 1}, callback_names.size());
    }
    errors_ = &define(
        store,
        definition_of(MetricDefinition::Kind::counter, errors_name,
                      "Callbacks of the plugin that returned an error.", {"callback", "status"}),
        listener, plugin);
    store_ = &store;
}

void CallbackCounts::took(std::uint32_t worker, const char* name,
                          std::uint64_t duration_ns) const noexcept {
    const std::size_t callback = callback_index(name);
    if (store_ != nullptr && callback != callback_names.size()) {
        seconds_[callback]->record(worker, static_cast<double>(duration_ns) /
                                               static_cast<double>(base::nanoseconds_per_second));
    }
}

MetricSeries* CallbackCounts::series_of_errors(std::size_t callback, std::int32_t status) {
    std::atomic<MetricSeries*>& place = error_series_[callback][status_index(status)];
    MetricSeries* series = place.load(std::memory_order_acquire);
    if (series == nullptr) {
        const std::array<std::string_view, 2> values{callback_names[callback].label,
                                                     status_label(status)};
        series = store_->series(*errors_, values,
                                static_cast<std::uint32_t>(callback_names.size() * statuses));
        place.store(series, std::memory_order_release);
    }
    return series;
}

void CallbackCounts::failed(std::uint32_t worker, const char* name, std::int32_t status) noexcept {
    const std::size_t callback = callback_index(name);
    if (store_ == nullptr || callback == callback_names.size()) {
        return;
    }
    try {
        series_of_errors(callback, status)->add(worker, 1);
    } catch (const std::bad_alloc&) {
        // The failure itself is handled all the same, and logged.
    }
}

}  // namespace portico::plugin
