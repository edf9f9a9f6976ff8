// The metrics that one instance has defined, and the numbers by which it names them and their
// series.
//
// A number carries the instance's tag in its upper half, so the number of another instance is
// recognised. Its lower half is a place in a table that never moves: block 0 has 64 places, and
// each further block has twice as many as the one before.
//
// Concurrency: mutex_ guards everything but the table, which find() reads without it. A place is
// filled before its number is returned, by a store with release; find() loads with acquire, in case
// a thread tries a number that nobody gave it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/worker.hpp"
#include "plugin/metrics.hpp"

namespace portico::plugin {

class InstanceMetrics {
public:
    static constexpr std::size_t metrics_max = 256;

    InstanceMetrics(Metrics& store, std::string listener, std::string plugin);
    ~InstanceMetrics();
    InstanceMetrics(const InstanceMetrics&) = delete;
    InstanceMetrics& operator=(const InstanceMetrics&) = delete;

    // `definition` has the exported name. Returns the metric's number; 0: there are metrics_max of
    // them. Fails if the name is taken. This and series() throw std::bad_alloc, and then nothing
    // has changed.
    [[nodiscard]] base::Result<std::uint64_t> define(MetricDefinition definition,
                                                     std::uint32_t series_max);

    // The number of the labels of a metric; false if it is none of this instance.
    [[nodiscard]] bool label_count(std::uint64_t metric, std::size_t& count) const noexcept;
    // Returns the series' number; 0: the metric has as many as it may. The metric is one of this
    // instance, with so many labels.
    [[nodiscard]] std::uint64_t series(std::uint64_t metric,
                                       std::span<const std::string_view> values);

    // Null if it is no series of this instance.
    [[nodiscard]] MetricSeries* find(std::uint64_t series) const noexcept;

    // What the series' functions take: the number of the worker that calls this.
    [[nodiscard]] std::uint32_t worker() const noexcept {
        const net::Worker* current = net::Worker::current();
        return current != nullptr && current->owner() == store_.owner() ? current->index()
                                                                        : MetricCells::no_worker;
    }

private:
    using Place = std::atomic<MetricSeries*>;
    static constexpr std::uint32_t first_block_bits = 6;
    static constexpr std::uint32_t first_place = 1U << first_block_bits;

    struct Defined {
        ListenerMetric* metric = nullptr;
        std::uint32_t series_max = 0;
    };

    [[nodiscard]] std::uint64_t number(std::uint32_t place) const noexcept {
        return std::uint64_t{tag_} << 32 | place;
    }
    [[nodiscard]] bool is_mine(std::uint64_t number) const noexcept { return number >> 32 == tag_; }
    // Of the places from first_place on: the one after the last. Null: there are no more.
    [[nodiscard]] Place* next_place();

    Metrics& store_;
    const std::string listener_;
    const std::string plugin_;
    const std::uint32_t tag_;  // never 0
    mutable std::mutex mutex_;
    std::vector<Defined> metrics_;
    // The places of the series that have a number, by the metric's index and the values.
    std::map<std::pair<std::size_t, std::string>, std::uint32_t> numbered_;
    std::array<std::atomic<Place*>, 32 - first_block_bits> blocks_{};
};

inline MetricSeries* InstanceMetrics::find(std::uint64_t series) const noexcept {
    const auto place = static_cast<std::uint32_t>(series);
    if (!is_mine(series) || place < first_place) {
        return nullptr;
    }
    const auto bits = static_cast<std::uint32_t>(std::bit_width(place)) - 1;
    const Place* block = blocks_[bits - first_block_bits].load(std::memory_order_acquire);
    return block != nullptr ? block[place - (1U << bits)].load(std::memory_order_acquire) : nullptr;
}

}  // namespace portico::plugin
