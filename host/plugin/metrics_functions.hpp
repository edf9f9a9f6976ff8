// The extension "portico.metrics.draft/1": its table defines the metrics of an instance and counts
// in them.
#pragma once

#include "portico/ext/metrics.h"

namespace portico::plugin {

[[nodiscard]] const portico_metrics& metrics_table() noexcept;

}  // namespace portico::plugin
