#include "plugin/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <new>
#include <utility>

namespace portico::plugin {

namespace {

using Kind = MetricDefinition::Kind;

// Rows begin on a cache line, so that no two workers write to the same one.
constexpr std::align_val_t row_alignment{64};

constexpr const char* name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::counter: return "counter";
        case Kind::gauge: return "gauge";
        case Kind::histogram: return "histogram";
    }
    return "";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

// "a histogram with the labels a, b, with the bounds 1, 2.5"
std::string describe(const MetricDefinition& definition) {
    std::string text = std::string("a ") + name_of(definition.kind);
    if (definition.labels.empty()) {
        text += " without labels";
    } else {
        text += (definition.labels.size() == 1 ? " with the label " : " with the labels ") +
                joined(definition.labels);
    }
    if (definition.kind == Kind::histogram) {
        std::vector<std::string> bounds;
        for (const double bound : definition.bounds) {
            char digits[32];
            bounds.emplace_back(digits, std::to_chars(digits, digits + sizeof digits, bound).ptr);
        }
        text += ", with the bounds " + joined(bounds);
    }
    return text;
}

// The names that the definition's samples have where Prometheus reads them.
std::vector<std::string> sample_names(const MetricDefinition& definition) {
    std::vector<std::string> names{definition.name};
    if (definition.kind == Kind::histogram) {
        for (const char* suffix : {"_bucket", "_sum", "_count"}) {
            names.push_back(definition.name + suffix);
        }
    }
    return names;
}

bool are_equal(const MetricDefinition& one, const MetricDefinition& other) {
    return one.name == other.name && one.kind == other.kind && one.labels == other.labels &&
           one.bounds == other.bounds;
}

}  // namespace

// ---- MetricSeries

std::uint32_t MetricSeries::words_of(const MetricDefinition& definition) noexcept {
    switch (definition.kind) {
        case Kind::counter: return 1;
        case Kind::gauge: return MetricCells::gauge_words;
        case Kind::histogram: return static_cast<std::uint32_t>(definition.bounds.size()) + 2;
    }
    return 1;
}

void MetricSeries::record(std::uint32_t worker, double value) noexcept {
    const std::vector<double>& bounds = definition_.bounds;
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
    cells_.count(worker, static_cast<std::uint32_t>(bucket));
    cells_.add(worker, sum_word(), value);
}

// ---- Metrics

struct Metrics::Family {
    MetricDefinition definition;
    const ListenerMetric* first = nullptr;  // who defined it
    // by listener and plugin
    std::map<std::pair<std::string, std::string>, std::unique_ptr<ListenerMetric>> metrics;
};

Metrics::Metrics(std::uint32_t workers, const void* owner) noexcept
    : workers_(workers), owner_(owner) {}

Metrics::~Metrics() = default;

void Metrics::FreeWords::operator()(MetricCells::Word* words) const noexcept {
    ::operator delete(words, row_alignment);
}

Metrics::Page Metrics::make_page() const {
    const std::size_t words = (std::size_t{workers_} + 1) * page_words;
    void* memory = ::operator new(words * sizeof(MetricCells::Word), row_alignment);
    auto* first = static_cast<MetricCells::Word*>(memory);
    std::uninitialized_value_construct_n(first, words);
    return Page(first);
}

const Metrics::Family* Metrics::family_with_names_of(const MetricDefinition& definition) const {
    for (const std::string& name : sample_names(definition)) {
        if (const auto found = sample_names_.find(name); found != sample_names_.end()) {
            return found->second;
        }
    }
    return nullptr;
}

ListenerMetric& Metrics::add_family(MetricDefinition definition,
                                    std::unique_ptr<ListenerMetric> metric) {
    auto made = std::make_unique<Family>();
    made->definition = std::move(definition);
    made->first = metric.get();
    metric->definition = &made->definition;
    ListenerMetric& added = *metric;
    made->metrics.emplace(std::pair(added.listener, added.plugin), std::move(metric));
    std::map<std::string, const Family*, std::less<>> names;
    for (std::string& name : sample_names(made->definition)) {
        names.emplace(std::move(name), made.get());
    }
    std::string name = made->definition.name;
    families_.emplace(std::move(name), std::move(made));
    sample_names_.merge(names);  // moves nodes, and allocates nothing
    return added;
}

base::Result<ListenerMetric*> Metrics::define(MetricDefinition definition,
                                              std::string_view listener, std::string_view plugin) {
    auto made = std::make_unique<ListenerMetric>();
    made->listener = listener;
    made->plugin = plugin;
    const std::scoped_lock lock(mutex_);
    const Family* taken = family_with_names_of(definition);
    if (taken != nullptr && !are_equal(taken->definition, definition)) {
        return base::Failure{"metric \"" + definition.name + "\": the plugin \"" +
                             taken->first->plugin + "\" of the listener \"" +
                             taken->first->listener + "\" has already defined \"" +
                             taken->definition.name + "\" as " + describe(taken->definition) +
                             ", and this is " + describe(definition)};
    }
    const auto known = families_.find(definition.name);
    if (known == families_.end()) {
        return &add_family(std::move(definition), std::move(made));
    }
    Family& family = *known->second;
    const auto [place, is_new] = family.metrics.try_emplace({made->listener, made->plugin});
    if (is_new) {
        made->definition = &family.definition;
        place->second = std::move(made);
    }
    return place->second.get();
}

std::string Metrics::key_of(std::span<const std::string_view> values) {
    std::string key;
    for (const std::string_view value : values) {
        key += std::to_string(value.size()) + ":" + std::string(value);
    }
    return key;
}

MetricSeries* Metrics::series(ListenerMetric& metric, std::span<const std::string_view> values,
                              std::uint32_t series_max) {
    std::string key = key_of(values);
    const std::scoped_lock lock(mutex_);
    if (const auto found = metric.series.find(key); found != metric.series.end()) {
        return found->second.get();
    }
    if (metric.series.size() >= series_max) {
        return nullptr;
    }
    const std::uint32_t words = MetricSeries::words_of(*metric.definition);
    if (page_used_ + words > page_words) {
        pages_.push_back(make_page());
        page_used_ = 0;
    }
    const MetricCells cells(pages_.back().get() + page_used_, page_words, workers_);
    auto made = std::make_unique<MetricSeries>(
        *metric.definition, std::vector<std::string>(values.begin(), values.end()), cells);
    MetricSeries* series = made.get();
    metric.series.emplace(std::move(key), std::move(made));
    page_used_ += words;
    return series;
}

std::vector<MetricReading> Metrics::read() const {
    const std::scoped_lock turn(reading_);
    std::vector<MetricReading> readings;
    {
        // Only pointers are taken under the lock, which series() needs.
        const std::scoped_lock lock(mutex_);
        for (const auto& [name, family] : families_) {
            MetricReading reading;
            reading.definition = &family->definition;
            for (const auto& [place, metric] : family->metrics) {
                for (const auto& [key, series] : metric->series) {
                    reading.series.push_back({metric.get(), series.get(), 0, 0, {}});
                }
            }
            readings.push_back(std::move(reading));
        }
    }
    for (MetricReading& reading : readings) {
        for (MetricReading::Series& read : reading.series) {
            switch (reading.definition->kind) {
                case Kind::counter: read.value = read.series->counter(); break;
                case Kind::gauge: read.value = read.series->gauge(); break;
                case Kind::histogram:
                    for (std::uint32_t i = 0; i <= reading.definition->bounds.size(); ++i) {
                        read.buckets.push_back(read.series->bucket(i));
                    }
                    read.sum = read.series->sum();
                    break;
            }
        }
    }
    return readings;
}

}  // namespace portico::plugin
