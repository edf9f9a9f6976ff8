#include "plugin/instance_metrics.hpp"

#include <bit>
#include <utility>

namespace portico::plugin {

namespace {

std::uint32_t next_tag() noexcept {
    static std::atomic<std::uint32_t> last{0};  // relaxed: tags only differ
    for (;;) {
        if (const std::uint32_t tag = last.fetch_add(1, std::memory_order_relaxed) + 1; tag != 0) {
            return tag;
        }
    }
}

}  // namespace

InstanceMetrics::InstanceMetrics(Metrics& store, std::string listener, std::string plugin)
    : store_(store), listener_(std::move(listener)), plugin_(std::move(plugin)), tag_(next_tag()) {}

InstanceMetrics::~InstanceMetrics() {
    for (const std::atomic<Place*>& block : blocks_) {
        delete[] block.load(std::memory_order_relaxed);
    }
}

base::Result<std::uint64_t> InstanceMetrics::define(MetricDefinition definition,
                                                    std::uint32_t series_max) {
    const std::scoped_lock lock(mutex_);
    std::size_t index = 0;
    while (index < metrics_.size() && metrics_[index].metric->definition->name != definition.name) {
        ++index;
    }
    if (index == metrics_max) {
        return std::uint64_t{0};
    }
    metrics_.reserve(index + 1);
    base::Result<ListenerMetric*> defined = store_.define(std::move(definition), listener_,
                                                          plugin_);
    if (!defined) {
        return base::Failure{defined.error()};
    }
    if (index == metrics_.size()) {
        metrics_.push_back({*defined, series_max});
    }
    return number(static_cast<std::uint32_t>(index) + 1);
}

bool InstanceMetrics::label_count(std::uint64_t metric, std::size_t& count) const noexcept {
    const std::scoped_lock lock(mutex_);
    const auto index = static_cast<std::uint32_t>(metric);
    if (!is_mine(metric) || index == 0 || index > metrics_.size()) {
        return false;
    }
    count = metrics_[index - 1].metric->definition->labels.size();
    return true;
}

InstanceMetrics::Place* InstanceMetrics::next_place() {
    const std::uint64_t place = first_place + numbered_.size();
    if (place > UINT32_MAX) {
        return nullptr;
    }
    const auto bits = static_cast<std::uint32_t>(std::bit_width(place)) - 1;
    std::atomic<Place*>& block = blocks_[bits - first_block_bits];
    Place* places = block.load(std::memory_order_relaxed);
    if (places == nullptr) {
        places = new Place[std::size_t{1} << bits]();
        block.store(places, std::memory_order_release);
    }
    return &places[place - (std::uint64_t{1} << bits)];
}

std::uint64_t InstanceMetrics::series(std::uint64_t metric,
                                      std::span<const std::string_view> values) {
    const std::size_t index = static_cast<std::uint32_t>(metric) - 1;
    const std::scoped_lock lock(mutex_);
    Place* place = next_place();
    const auto next = static_cast<std::uint32_t>(first_place + numbered_.size());
    const auto [entry, is_new] = numbered_.try_emplace({index, Metrics::key_of(values)}, next);
    if (!is_new) {
        return number(entry->second);
    }
    MetricSeries* made = nullptr;
    try {
        const Defined& defined = metrics_[index];
        made = place != nullptr ? store_.series(*defined.metric, values, defined.series_max)
                                : nullptr;
    } catch (...) {
        numbered_.erase(entry);
        throw;
    }
    if (made == nullptr) {
        numbered_.erase(entry);
        return 0;
    }
    place->store(made, std::memory_order_release);
    return number(next);
}

}  // namespace portico::plugin
