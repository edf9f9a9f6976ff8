// The C API's counts: a snapshot owns the texts and arrays to which its structures point.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "embed/server.hpp"
#include "embed/text.hpp"
#include "portico/embed.h"
#include "portico/ext/metrics.h"

struct portico_snapshot {
    struct Series {
        const portico::Metric* metric = nullptr;
        const portico::Metric::Series* series = nullptr;
        std::vector<portico_label> labels;
        std::vector<portico_bucket> buckets;
    };

    portico::Statistics totals;
    std::vector<portico::ListenerStatistics> listeners;
    std::vector<portico::Metric> metrics;
    std::vector<Series> series;  // of `metrics`, which no longer change
    const std::string no_listener;

    [[nodiscard]] const std::string& listener_of(
        const std::vector<portico::Metric::Label>& labels) const noexcept {
        return !labels.empty() && labels.front().name == "listener" ? labels.front().value
                                                                    : no_listener;
    }
};

namespace {

using portico::embed::can_fill;
using portico::embed::fill;
using portico::embed::point_to;

std::uint32_t kind_of(portico::Metric::Kind kind) noexcept {
    switch (kind) {
        case portico::Metric::Kind::counter: return PORTICO_METRIC_COUNTER;
        case portico::Metric::Kind::gauge: return PORTICO_METRIC_GAUGE;
        case portico::Metric::Kind::histogram: return PORTICO_METRIC_HISTOGRAM;
    }
    return PORTICO_METRIC_GAUGE;
}

portico_snapshot::Series series_of(const portico::Metric& metric,
                                   const portico::Metric::Series& series) {
    portico_snapshot::Series made;
    made.metric = &metric;
    made.series = &series;
    for (const portico::Metric::Label& label : series.labels) {
        portico_label& added = made.labels.emplace_back();
        point_to(label.name, added.name, added.name_size);
        point_to(label.value, added.value, added.value_size);
    }
    for (const portico::Metric::Bucket& bucket : series.buckets) {
        made.buckets.push_back({bucket.upper_bound, bucket.count});
    }
    return made;
}

}  // namespace

portico_status PORTICO_CALL portico_server_snapshot(const portico_server* server,
                                                    portico_snapshot** snapshot) {
    if (server == nullptr || snapshot == nullptr) {
        return PORTICO_INVALID;
    }
    try {
        const portico::Server& counted = server->server;
        auto made = std::make_unique<portico_snapshot>();
        made->totals = counted.statistics();
        made->listeners = counted.listeners();
        made->metrics = counted.metrics();
        for (const portico::Metric& metric : made->metrics) {
            for (const portico::Metric::Series& series : metric.series) {
                made->series.push_back(series_of(metric, series));
            }
        }
        *snapshot = made.release();
        return PORTICO_OK;
    } catch (...) {
        return PORTICO_NO_MEMORY;
    }
}

void PORTICO_CALL portico_snapshot_free(portico_snapshot* snapshot) {
    delete snapshot;
}

portico_status PORTICO_CALL portico_snapshot_totals(const portico_snapshot* snapshot,
                                                    portico_totals* totals) {
    if (snapshot == nullptr || !can_fill(totals)) {
        return PORTICO_INVALID;
    }
    const portico::Statistics& counted = snapshot->totals;
    portico_totals values{};
    values.worker_threads = counted.worker_threads;
    values.connections_accepted = counted.connections_accepted;
    values.connections_open = counted.connections_open;
    values.waits = counted.waits;
    values.receives = counted.receives;
    values.sends = counted.sends;
    values.accepts = counted.accepts;
    values.wakes = counted.wakes;
    values.cancels = counted.cancels;
    values.completions = counted.completions;
    values.receive_buffers_in_use = counted.receive_buffers_in_use;
    values.send_chunks_in_use = counted.send_chunks_in_use;
    point_to(counted.backend, values.backend, values.backend_size);
    fill(*totals, values);
    return PORTICO_OK;
}

portico_status PORTICO_CALL portico_snapshot_listener(const portico_snapshot* snapshot,
                                                      uint32_t index,
                                                      portico_listener_counts* counts) {
    if (snapshot == nullptr || !can_fill(counts)) {
        return PORTICO_INVALID;
    }
    if (index >= snapshot->listeners.size()) {
        return PORTICO_NOT_FOUND;
    }
    const portico::ListenerStatistics& counted = snapshot->listeners[index];
    portico_listener_counts values{};
    point_to(counted.listener, values.listener, values.listener_size);
    point_to(counted.plugin, values.plugin, values.plugin_size);
    values.connections_accepted = counted.connections_accepted;
    values.connections_open = counted.connections_open;
    fill(*counts, values);
    return PORTICO_OK;
}

portico_status PORTICO_CALL portico_snapshot_series(const portico_snapshot* snapshot,
                                                    uint32_t index, portico_series_counts* counts) {
    if (snapshot == nullptr || !can_fill(counts)) {
        return PORTICO_INVALID;
    }
    if (index >= snapshot->series.size()) {
        return PORTICO_NOT_FOUND;
    }
    const portico_snapshot::Series& series = snapshot->series[index];
    portico_series_counts values{};
    values.kind = kind_of(series.metric->kind);
    point_to(series.metric->name, values.name, values.name_size);
    point_to(series.metric->help, values.help, values.help_size);
    point_to(snapshot->listener_of(series.series->labels), values.listener, values.listener_size);
    values.labels = series.labels.data();
    values.label_count = static_cast<std::uint32_t>(series.labels.size());
    values.label_stride = sizeof(portico_label);
    values.value = series.series->value;
    values.count = series.series->count;
    values.sum = series.series->sum;
    values.buckets = series.buckets.empty() ? nullptr : series.buckets.data();
    values.bucket_count = static_cast<std::uint32_t>(series.buckets.size());
    values.bucket_stride = sizeof(portico_bucket);
    fill(*counts, values);
    return PORTICO_OK;
}
