// The metrics of a server, for the embedder: the host's own first, then those of the plugins.
#include <algorithm>
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

Metric metric_of(const plugin::MetricReading& read) {
    Metric metric;
    metric.name = read.definition->name;
    metric.help = read.definition->help;
    metric.kind = static_cast<Metric::Kind>(read.definition->kind);
    for (const plugin::MetricReading::Series& one : read.series) {
        metric.series.push_back(series_of(*read.definition, one));
    }
    return metric;
}

// The host counts in the plugins' store too, what belongs to a listener and its callbacks.
bool is_of_host(const plugin::MetricReading& read) {
    return read.definition->name == plugin::CallbackCounts::seconds_name ||
           read.definition->name == plugin::CallbackCounts::errors_name;
}

}  // namespace

std::vector<Metric> Server::Implementation::metrics() {
    const std::scoped_lock turn(reading_);
    if (!serving()) {
        return {};
    }
    MetricList host;
    add_host_metrics(host);
    std::vector<Metric> of_plugins;
    for (const plugin::MetricReading& read : metrics_->read()) {
        Metric metric = metric_of(read);
        if (!is_of_host(read)) {
            of_plugins.push_back(std::move(metric));
            continue;
        }
        // Callbacks that were never timed, many of which the plugin does not have.
        std::erase_if(metric.series, [](const Metric::Series& series) {
            return series.count == 0 && !series.buckets.empty();
        });
        host.add(std::move(metric));
    }
    std::vector<Metric> metrics = host.take();
    metrics.insert(metrics.end(), std::make_move_iterator(of_plugins.begin()),
                   std::make_move_iterator(of_plugins.end()));
    return metrics;
}

}  // namespace portico
