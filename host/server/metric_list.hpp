// Builds a list of metrics, one family after the other.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "portico/server.hpp"

namespace portico {

class MetricList {
public:
    // A label's name, and its value.
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    // Begins a family; add() adds to the one that was begun last.
    void counter(std::string_view name, std::string_view help) {
        begin(Metric::Kind::counter, name, help);
    }
    void gauge(std::string_view name, std::string_view help) {
        begin(Metric::Kind::gauge, name, help);
    }
    template <class Number>
    void add(Labels labels, Number value) {
        Metric::Series& series = metrics_.back().series.emplace_back();
        series.labels.reserve(labels.size());
        for (const auto& [label, text] : labels) {
            series.labels.push_back({std::string(label), std::string(text)});
        }
        series.value = static_cast<double>(value);
    }
    // One without labels, if the value is known.
    template <class Number>
    void gauge(std::string_view name, std::string_view help, const std::optional<Number>& value) {
        if (value) {
            gauge(name, help);
            add({}, *value);
        }
    }
    template <class Number>
    void counter(std::string_view name, std::string_view help, const std::optional<Number>& value) {
        if (value) {
            counter(name, help);
            add({}, *value);
        }
    }
    void add(Metric metric) { metrics_.push_back(std::move(metric)); }

    // All, without those that have no series, sorted by name.
    [[nodiscard]] std::vector<Metric> take();

private:
    void begin(Metric::Kind kind, std::string_view name, std::string_view help) {
        Metric& metric = metrics_.emplace_back();
        metric.name = name;
        metric.help = help;
        metric.kind = kind;
    }

    std::vector<Metric> metrics_;
};

}  // namespace portico
