#include "plugin/metrics_functions.hpp"

#include <array>
#include <cmath>
#include <new>
#include <string_view>

#include "plugin/instance.hpp"
#include "plugin/instance_metrics.hpp"
#include "plugin/instance_use.hpp"
#include "plugin/metric_rules.hpp"

namespace portico::plugin {

// All are noexcept: nothing may unwind into a plugin, which may be C.
struct MetricsFunctions {
    using Kind = MetricDefinition::Kind;

    // Runs `action` with the series and the number of the worker whose thread this is.
    template <class Action>
    static portico_status with_series(portico_instance* handle, portico_series series,
                                      Action&& action) noexcept {
        const InstanceUse instance(handle);
        if (!instance) {
            return PORTICO_GONE;
        }
        const InstanceMetrics* metrics = instance->metrics_.load(std::memory_order_acquire);
        MetricSeries* found = metrics != nullptr ? metrics->find(series) : nullptr;
        return found != nullptr ? action(*found, metrics->worker()) : PORTICO_GONE;
    }

    static portico_status PORTICO_CALL define(portico_instance* handle,
                                              const portico_metric_definition* definition,
                                              portico_metric* metric) noexcept {
        const InstanceUse instance(handle);
        if (!instance) {
            return PORTICO_GONE;
        }
        if (definition == nullptr || metric == nullptr) {
            return PORTICO_INVALID;
        }
        try {
            return instance->define_metric(*definition, *metric);
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        } catch (...) {
            return PORTICO_ERROR;
        }
    }

    static portico_status PORTICO_CALL get_series(portico_instance* handle, portico_metric metric,
                                                  const portico_part* values, std::uint32_t count,
                                                  std::uint32_t stride,
                                                  portico_series* series) noexcept {
        const InstanceUse instance(handle);
        if (!instance) {
            return PORTICO_GONE;
        }
        if (series == nullptr) {
            return PORTICO_INVALID;
        }
        InstanceMetrics* metrics = instance->metrics_.load(std::memory_order_acquire);
        std::size_t labels = 0;
        if (metrics == nullptr || !metrics->label_count(metric, labels)) {
            return PORTICO_GONE;
        }
        std::array<std::string_view, metric_labels_max> texts;
        if (count != labels) {
            return PORTICO_INVALID;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!read_part(values, stride, i, texts[i]) || !is_label_value(texts[i])) {
                return PORTICO_INVALID;
            }
        }
        try {
            const std::uint64_t number = metrics->series(metric, std::span(texts).first(count));
            if (number == 0) {
                return PORTICO_LIMIT;
            }
            *series = number;
            return PORTICO_OK;
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        } catch (...) {
            return PORTICO_ERROR;
        }
    }

    static portico_status PORTICO_CALL add(portico_instance* handle, portico_series series,
                                           double amount) noexcept {
        return with_series(handle, series, [amount](MetricSeries& found, std::uint32_t worker) {
            const bool may_be_added = std::isfinite(amount) &&
                                      (amount >= 0 || found.kind() == Kind::gauge);
            if (found.kind() == Kind::histogram || !may_be_added) {
                return PORTICO_INVALID;
            }
            found.add(worker, amount);
            return PORTICO_OK;
        });
    }

    static portico_status PORTICO_CALL set(portico_instance* handle, portico_series series,
                                           double value) noexcept {
        return with_series(handle, series, [value](MetricSeries& found, std::uint32_t) {
            if (found.kind() != Kind::gauge) {
                return PORTICO_INVALID;
            }
            found.set(value);
            return PORTICO_OK;
        });
    }

    static portico_status PORTICO_CALL record(portico_instance* handle, portico_series series,
                                              double value) noexcept {
        return with_series(handle, series, [value](MetricSeries& found, std::uint32_t worker) {
            if (found.kind() != Kind::histogram || std::isnan(value)) {
                return PORTICO_INVALID;
            }
            found.record(worker, value);
            return PORTICO_OK;
        });
    }
};

const portico_metrics& metrics_table() noexcept {
    static constexpr portico_metrics table{sizeof(portico_metrics),  0,
                                           MetricsFunctions::define, MetricsFunctions::get_series,
                                           MetricsFunctions::add,    MetricsFunctions::set,
                                           MetricsFunctions::record};
    return table;
}

}  // namespace portico::plugin
