// The metrics of a server's plugins: definitions by name, series by listener and labels.
//
// The store belongs to the server. An instance that a listener creates anew finds what the one
// before it counted, and goes on. Nothing is removed as long as the server runs, so a pointer to a
// metric or a series stays valid, and what it points to never changes, apart from the cells
// (metric_cells.hpp).
//
// Concurrency: mutex_ guards the maps and the pages. reading_ makes readers take turns, so that
// what one of them has seen, the next one has seen too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plugin/metric_cells.hpp"

namespace portico::plugin {

struct MetricDefinition {
    enum class Kind : std::uint8_t { counter, gauge, histogram };

    Kind kind = Kind::counter;
    std::string name;  // as the plugin writes it; among the server's metrics, as it is exported
    std::string help;
    std::vector<std::string> labels;
    std::vector<double> bounds;  // of a histogram's buckets, ascending; a last one has none
};

// The numbers of one combination of labels' values.
class MetricSeries {
public:
    MetricSeries(const MetricDefinition& definition, std::vector<std::string> values,
                 const MetricCells& cells)
        : kind_(definition.kind),
          cells_(cells),
          definition_(definition),
          values_(std::move(values)) {}

    [[nodiscard]] MetricDefinition::Kind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::vector<std::string>& values() const noexcept { return values_; }

    // Each takes the number of the worker whose thread this is, or MetricCells::no_worker.
    void add(std::uint32_t worker, double amount) noexcept { cells_.add(worker, 0, amount); }
    void record(std::uint32_t worker, double value) noexcept;
    void set(double value) noexcept { cells_.set(value); }

    [[nodiscard]] double counter() const noexcept { return cells_.sum(0); }
    [[nodiscard]] double gauge() const noexcept { return cells_.gauge(); }
    // Of a histogram: bucket number `index`, from 0 to the number of bounds; and the values' sum.
    // The sum may lack values that a bucket has, or have others, if they are recorded meanwhile.
    [[nodiscard]] std::uint64_t bucket(std::uint32_t index) const noexcept {
        return cells_.counted(index);
    }
    [[nodiscard]] double sum() const noexcept { return cells_.sum(sum_word()); }

    // The words that a series of this definition takes in each row.
    [[nodiscard]] static std::uint32_t words_of(const MetricDefinition& definition) noexcept;

private:
    [[nodiscard]] std::uint32_t sum_word() const noexcept {
        return static_cast<std::uint32_t>(definition_.bounds.size()) + 1;
    }

    const MetricDefinition::Kind kind_;
    MetricCells cells_;
    const MetricDefinition& definition_;
    const std::vector<std::string> values_;  // in the order of the definition's labels
};

// What one plugin of one listener counts under one name.
struct ListenerMetric {
    const MetricDefinition* definition = nullptr;
    std::string listener;
    std::string plugin;
    std::map<std::string, std::unique_ptr<MetricSeries>> series;  // by values; under mutex_
};

struct MetricReading {
    struct Series {
        const ListenerMetric* metric = nullptr;
        const MetricSeries* series = nullptr;
        double value = 0;                    // of a counter or a gauge
        double sum = 0;                      // of a histogram
        std::vector<std::uint64_t> buckets;  // likewise
    };
    const MetricDefinition* definition = nullptr;
    std::vector<Series> series;
};

class Metrics {
public:
    // The workers of `owner` (net::WorkerOptions) with numbers below `workers` have rows of their
    // own.
    Metrics(std::uint32_t workers, const void* owner) noexcept;
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    [[nodiscard]] const void* owner() const noexcept { return owner_; }

    // Finds or makes the metric of this name. Fails if the name has another definition; help does
    // not count. Throws std::bad_alloc, and then nothing has changed.
    [[nodiscard]] base::Result<ListenerMetric*> define(MetricDefinition definition,
                                                       std::string_view listener,
                                                       std::string_view plugin);

    // Finds or makes a series. Null: the metric has series_max of them. Throws likewise.
    [[nodiscard]] MetricSeries* series(ListenerMetric& metric,
                                       std::span<const std::string_view> values,
                                       std::uint32_t series_max);

    // Everything, sorted by name, listener, plugin and values. The pointers are valid as long as
    // the store.
    [[nodiscard]] std::vector<MetricReading> read() const;

    // The values as a key of a map.
    [[nodiscard]] static std::string key_of(std::span<const std::string_view> values);

private:
    struct Family;
    // The rows of a page are `page_words` apart. A series has its words in one page.
    static constexpr std::uint32_t page_words = 512;
    struct FreeWords {
        void operator()(MetricCells::Word* words) const noexcept;
    };
    using Page = std::unique_ptr<MetricCells::Word[], FreeWords>;

    [[nodiscard]] Page make_page() const;
    // The family that has one of the names that Prometheus sees for this definition; or null.
    [[nodiscard]] const Family* family_with_names_of(const MetricDefinition& definition) const;
    ListenerMetric& add_family(MetricDefinition definition, std::unique_ptr<ListenerMetric> metric);

    const std::uint32_t workers_;
    const void* const owner_;
    mutable std::mutex reading_;  // before mutex_
    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;  // by name
    std::map<std::string, const Family*, std::less<>> sample_names_;        // "x_bucket" of "x"
    std::vector<Page> pages_;
    std::uint32_t page_used_ = page_words;  // words of the last page
};

}  // namespace portico::plugin
