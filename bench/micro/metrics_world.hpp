// An instance of a plugin with a metric of each kind, on a still port, whose callback runs what the
// benchmark wants.
#pragma once

#include <functional>
#include <memory>

#include "micro/still_port.hpp"
#include "net/connection_table.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"
#include "plugin/metrics_functions.hpp"

namespace portico::bench {

class MetricsWorld {
public:
    MetricsWorld() {
        auto still = std::make_unique<StillPort>(buffers_);
        port_ = still.get();
        group_ = std::make_unique<net::WorkerGroup>(std::move(still), chunks_,
                                                    net::WorkerOptions{});
        callbacks_.struct_size = sizeof callbacks_;
        callbacks_.on_data = [](void*, portico_connection, void*, const std::uint8_t*,
                                std::uint64_t, const portico_frame*,
                                std::uint64_t*) { return portico_status{PORTICO_OK}; };
        table_.struct_size = sizeof table_;
        table_.name = "measured";
        table_.name_size = 8;
        table_.create = create;
        table_.destroy = [](void*) {};
        table_.callbacks = &callbacks_;
        listener_.name = "measured";
        listener_.plugin = "measured";
        context_.listener_name = listener_.name;
        context_.log = &log_;
        instance_ = std::make_unique<plugin::Instance>(plugin::Loaded{nullptr, &table_, "measured"},
                                                       listener_, log_);
        instance_->use_metrics(store_);
        context_.protocol = instance_.get();
        creating_ = this;
        PORTICO_ASSERT(instance_->create(connections_, context_, *group_, 1).empty());
        PORTICO_ASSERT(static_cast<bool>(group_->start()));
        group_->begin();
    }
    ~MetricsWorld() {
        instance_->finish();
        group_->stop();
    }
    MetricsWorld(const MetricsWorld&) = delete;
    MetricsWorld& operator=(const MetricsWorld&) = delete;

    // Runs `work` on the worker's thread, as a posted function of the instance.
    void in_callback(std::function<void()> work) {
        work_ = std::move(work);
        is_done_ = false;
        PORTICO_ASSERT(host->post_instance(
                           instance,
                           [](void*, portico_connection, void*, void* argument, portico_status) {
                               auto& world = *static_cast<MetricsWorld*>(argument);
                               world.work_();
                               world.is_done_ = true;
                           },
                           this) == PORTICO_OK);
        port_->on_worker([this] { return !is_done_; });
    }

    [[nodiscard]] double counted() const {
        double count = 0;
        for (const plugin::MetricReading& reading : store_.read()) {
            for (const plugin::MetricReading::Series& series : reading.series) {
                count += series.value;
            }
        }
        return count;
    }

    // Set by create.
    const portico_host* host = nullptr;
    portico_instance* instance = nullptr;
    const portico_metrics* metrics = nullptr;
    portico_series counter = 0;
    portico_series gauge = 0;
    portico_series histogram = 0;

private:
    class SilentLog final : public base::Log {
    public:
        SilentLog() : Log(base::LogLevel::off) {}
        void write(base::LogLevel, std::string_view, std::uint64_t,
                   std::string_view) noexcept override {}
    };

    static portico_status PORTICO_CALL create(const portico_setup* setup, void**) {
        MetricsWorld& world = *creating_;
        world.host = setup->host;
        world.instance = setup->instance;
        world.metrics = static_cast<const portico_metrics*>(setup->host->get_extension(
            setup->instance, PORTICO_EXT_METRICS, sizeof PORTICO_EXT_METRICS - 1));
        world.counter = world.series_of(PORTICO_METRIC_COUNTER, "counter_total");
        world.gauge = world.series_of(PORTICO_METRIC_GAUGE, "gauge");
        world.histogram = world.series_of(PORTICO_METRIC_HISTOGRAM, "histogram");
        return PORTICO_OK;
    }

    portico_series series_of(std::uint32_t kind, std::string_view name) {
        static constexpr double bounds[] = {1, 5, 10, 50, 100, 500, 1'000, 5'000};
        portico_metric_definition definition{};
        definition.struct_size = sizeof definition;
        definition.kind = kind;
        definition.name = name.data();
        definition.name_size = name.size();
        if (kind == PORTICO_METRIC_HISTOGRAM) {
            definition.bounds = bounds;
            definition.bound_count = 8;
        }
        portico_metric metric = 0;
        portico_series series = 0;
        PORTICO_ASSERT(metrics->define(instance, &definition, &metric) == PORTICO_OK);
        PORTICO_ASSERT(metrics->get_series(instance, metric, nullptr, 0, 0, &series) == PORTICO_OK);
        return series;
    }

    static inline MetricsWorld* creating_ = nullptr;

    portico_callbacks callbacks_{};
    portico_plugin table_{};
    config::Listener listener_;
    SilentLog log_;
    io::BufferPool buffers_{16'384, 4, io::BufferPool::Use::single};
    io::BufferPool chunks_{16'384 + net::SendQueue::chunk_overhead, 4, io::BufferPool::Use::single};
    net::ConnectionTable connections_{1};
    plugin::Metrics store_{1, nullptr};
    net::ConnectionContext context_;
    std::unique_ptr<plugin::Instance> instance_;
    StillPort* port_ = nullptr;  // group_'s
    std::unique_ptr<net::WorkerGroup> group_;
    std::function<void()> work_;
    bool is_done_ = false;  // only the worker uses it, after the post
};

}  // namespace portico::bench
