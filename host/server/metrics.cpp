// What plugins have counted, for the embedder.
#include <limits>

#include "server/implementation.hpp"

namespace portico {

namespace {

static_assert(static_cast<int>(Metric::Kind::counter) ==
              static_cast<int>(plugin::MetricDefinition::Kind::counter));
static_assert(static_cast<int>(Metric::Kind::gauge) ==
              static_cast<int>(plugin::MetricDefinition::Kind::gauge));
static_assert(static_cast<int>(Metric::Kind::histogram) ==
              static_cast<int>(plugin::MetricDefinition::Kind::histogram));

Metric::Series series_of(const plugin::MetricDefinition& definition,
                         const plugin::MetricReading::Series& read) {
    Metric::Series series;
    series.labels = {{"listener", read.metric->listener}, {"plugin", read.metric->plugin}};
    for (std::size_t i = 0; i < definition.labels.size(); ++i) {
        series.labels.push_back({definition.labels[i], read.series->values()[i]});
    }
    series.value = read.value;
    for (std::size_t i = 0; i < read.buckets.size(); ++i) {
        series.count += read.buckets[i];
        series.buckets.push_back({i < definition.bounds.size()
                                      ? definition.bounds[i]
                                      : std::numeric_limits<double>::infinity(),
                                  series.count});
    }
    series.sum = read.sum;
    return series;
}

}  // namespace

std::vector<Metric> Server::Implementation::metrics() {
    std::shared_ptr<plugin::Metrics> store;
    {
        const std::scoped_lock lock(mutex_);
        if (serving_) {
            store = metrics_;
        }
    }
    std::vector<Metric> metrics;
    if (store == nullptr) {
        return metrics;
    }
    for (const plugin::MetricReading& read : store->read()) {
        Metric metric;
        metric.name = read.definition->name;
        metric.help = read.definition->help;
        metric.kind = static_cast<Metric::Kind>(read.definition->kind);
        for (const plugin::MetricReading::Series& one : read.series) {
            metric.series.push_back(series_of(*read.definition, one));
        }
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

}  // namespace portico
