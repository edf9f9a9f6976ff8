#include "server/metric_list.hpp"

#include <algorithm>
#include <utility>

namespace portico {

std::vector<Metric> MetricList::take() {
    std::vector<Metric> taken = std::move(metrics_);
    metrics_.clear();
    std::erase_if(taken, [](const Metric& metric) { return metric.series.empty(); });
    std::sort(taken.begin(), taken.end(),
              [](const Metric& one, const Metric& other) { return one.name < other.name; });
    return taken;
}

}  // namespace portico
