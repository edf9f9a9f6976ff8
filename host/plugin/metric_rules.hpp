// Turns a plugin's definition of a metric into the host's, if it keeps the rules of
// portico/ext/metrics.h.
#pragma once

#include "base/result.hpp"
#include "plugin/metrics.hpp"
#include "portico/ext/metrics.h"

namespace portico::plugin {

inline constexpr std::size_t metric_name_bytes_max = 128;
inline constexpr std::size_t metric_help_bytes_max = 1'024;
inline constexpr std::size_t metric_labels_max = 8;
inline constexpr std::size_t metric_bounds_max = 64;
inline constexpr std::size_t label_value_bytes_max = 256;
inline constexpr std::uint32_t series_max_default = 1'000;

// Fails with a sentence that names the metric and the broken rule. Throws std::bad_alloc.
[[nodiscard]] base::Result<MetricDefinition> read_definition(
    const portico_metric_definition& given);

// The name under which the metrics of a plugin are exported. What a plugin's name may have and a
// metric's may not becomes '_'.
[[nodiscard]] std::string exported_name(std::string_view plugin, std::string_view metric);

// The element of an array with a stride. False: it has bytes, and no address.
[[nodiscard]] bool read_part(const portico_part* parts, std::uint32_t stride, std::uint32_t index,
                             std::string_view& text) noexcept;

[[nodiscard]] bool is_label_value(std::string_view value) noexcept;

}  // namespace portico::plugin
