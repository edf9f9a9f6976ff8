// The metrics extension from a plugin's side: a real Instance's create defines any metrics, makes
// any series, and counts with any numbers. A model keeps what must come of it: each answer, and at
// the end each value.
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "config/utf8.hpp"
#include "fuzz/driven_port.hpp"
#include "fuzz/input.hpp"
#include "net/connection_table.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"
#include "portico/ext/metrics.h"

using namespace portico;

namespace {

class NoLog final : public base::Log {
public:
    NoLog() : base::Log(base::LogLevel::off) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view) noexcept override {}
};

struct Definition {
    std::uint32_t kind = 0;
    std::string name;
    std::string help;
    std::vector<std::string> labels;
    std::vector<double> bounds;
    std::uint32_t series_max = 0;
};

struct Series {
    std::uint32_t kind = 0;
    std::string metric;
    std::vector<std::string> values;
    double added = 0;
    double base = 0;
    double sum = 0;
    std::vector<std::uint64_t> buckets;
};

bool is_name(const std::string& text) {
    static const std::regex pattern("[a-zA-Z_][a-zA-Z0-9_]{0,127}");
    return std::regex_match(text, pattern);
}

std::vector<std::string> names_of(const Definition& definition) {
    if (definition.kind != PORTICO_METRIC_HISTOGRAM) {
        return {definition.name};
    }
    return {definition.name, definition.name + "_bucket", definition.name + "_sum",
            definition.name + "_count"};
}

bool keeps_the_rules(const Definition& definition) {
    const std::set<std::string> labels(definition.labels.begin(), definition.labels.end());
    bool fine = definition.kind >= 1 && definition.kind <= 3 && is_name(definition.name) &&
                definition.help.find('\n') == std::string::npos &&
                !config::first_invalid(definition.help) && definition.labels.size() <= 8 &&
                labels.size() == definition.labels.size() && !labels.contains("listener") &&
                !labels.contains("plugin") && !labels.contains("le") &&
                (definition.kind != 1 || definition.name.ends_with("_total")) &&
                (definition.kind == 3) == !definition.bounds.empty() &&
                definition.bounds.size() <= 64;
    for (const std::string& label : definition.labels) {
        fine = fine && is_name(label) && !label.starts_with("__");
    }
    for (std::size_t i = 0; i < definition.bounds.size(); ++i) {
        fine = fine && std::isfinite(definition.bounds[i]) &&
               (i == 0 || definition.bounds[i - 1] < definition.bounds[i]);
    }
    return fine;
}

class Model {
public:
    explicit Model(fuzz::Input input) : input_(input) {}

    portico_status create(const portico_setup& setup) {
        instance_ = setup.instance;
        metrics_ = static_cast<const portico_metrics*>(setup.host->get_extension(
            instance_, PORTICO_EXT_METRICS, sizeof PORTICO_EXT_METRICS - 1));
        PORTICO_ASSERT(metrics_ != nullptr);
        while (!input_.empty()) {
            switch (input_.byte() % 6) {
                case 0: define(); break;
                case 1: make_series(); break;
                case 2: add(); break;
                case 3: set(); break;
                case 4: record(); break;
                default: pass_nothing(); break;
            }
        }
        return PORTICO_OK;
    }

    void check(const plugin::Metrics& store) const {
        std::size_t found = 0;
        for (const plugin::MetricReading& reading : store.read()) {
            const std::string& exported = reading.definition->name;
            if (exported == plugin::CallbackCounts::seconds_name ||
                exported == plugin::CallbackCounts::errors_name) {
                continue;  // the host's own
            }
            PORTICO_ASSERT(exported.starts_with(prefix));
            const std::string name = exported.substr(prefix.size());
            PORTICO_ASSERT(definitions_.contains(name));
            for (const plugin::MetricReading::Series& read : reading.series) {
                for (const auto& [number, series] : series_) {
                    if (series.metric == name && series.values == read.series->values()) {
                        ++found;
                        check(series, read);
                    }
                }
            }
        }
        PORTICO_ASSERT(found == series_.size());
        PORTICO_ASSERT(metrics_->add(instance_, 1, 1) == PORTICO_GONE);
    }

private:
    static constexpr std::string_view prefix = "portico_plugin_metrics_";

    static void check(const Series& series, const plugin::MetricReading::Series& read) {
        switch (series.kind) {
            case PORTICO_METRIC_COUNTER: PORTICO_ASSERT(read.value == series.added); return;
            case PORTICO_METRIC_GAUGE: {
                const double value = series.base + series.added;
                PORTICO_ASSERT(read.value == value || std::isnan(value));
                return;
            }
            default:
                PORTICO_ASSERT(read.buckets == series.buckets);
                PORTICO_ASSERT(read.sum == series.sum || std::isnan(series.sum));
                return;
        }
    }

    // Often one that was used before.
    std::string word() {
        static const std::string words[] = {"a",      "b_total", "h",  "h_sum", "h_count",
                                            "plugin", "le",      "__", "x",     "c_total"};
        const std::uint8_t choice = input_.byte();
        return choice < 0xC0 ? words[choice % std::size(words)] : input_.text(choice % 8);
    }
    double real() {
        static constexpr double reals[] = {0,    1,     -1,       0.5,       10,
                                           1e18, -1e18, HUGE_VAL, -HUGE_VAL, NAN};
        const std::uint8_t choice = input_.byte();
        return choice < 0xC0 ? reals[choice % std::size(reals)] : choice / 7.0;
    }
    std::uint64_t number() {
        const std::uint8_t choice = input_.byte();
        if (series_.empty() || choice >= 0xE0) {
            return choice % 2 == 0 ? choice : input_.number<std::uint64_t>();
        }
        return std::next(series_.begin(), choice % static_cast<int>(series_.size()))->first;
    }

    void define() {
        Definition definition;
        definition.kind = input_.byte() % 5;
        definition.name = word();
        definition.help = input_.text(input_.byte() % 4);
        definition.series_max = input_.byte() % 4;
        for (std::uint32_t i = input_.byte() % 10; i > 7; --i) {
            definition.labels.push_back(word());
        }
        for (std::uint32_t i = input_.byte() % 8; i > 4; --i) {
            definition.bounds.push_back(real());
        }
        std::vector<portico_part> labels;
        for (const std::string& label : definition.labels) {
            labels.push_back({label.data(), label.size()});
        }
        portico_metric_definition given{};
        given.struct_size = sizeof given;
        given.kind = definition.kind;
        given.name = definition.name.data();
        given.name_size = definition.name.size();
        given.help = definition.help.data();
        given.help_size = definition.help.size();
        given.labels = labels.data();
        given.label_count = static_cast<std::uint32_t>(labels.size());
        given.label_stride = sizeof(portico_part);
        given.bounds = definition.bounds.empty() ? nullptr : definition.bounds.data();
        given.bound_count = static_cast<std::uint32_t>(definition.bounds.size());
        given.series_max = definition.series_max;
        portico_metric metric = 77;
        const portico_status status = metrics_->define(instance_, &given, &metric);
        PORTICO_ASSERT(status == (is_allowed(definition) ? PORTICO_OK : PORTICO_INVALID));
        PORTICO_ASSERT((status == PORTICO_OK) == (metric != 77));
        if (status == PORTICO_OK) {
            definitions_.try_emplace(definition.name, definition);
            const auto [known, is_new] = metrics_by_number_.try_emplace(metric, definition.name);
            PORTICO_ASSERT(known->second == definition.name);
        }
    }

    [[nodiscard]] bool is_allowed(const Definition& definition) const {
        if (!keeps_the_rules(definition)) {
            return false;
        }
        if (const auto known = definitions_.find(definition.name); known != definitions_.end()) {
            return known->second.kind == definition.kind &&
                   known->second.labels == definition.labels &&
                   known->second.bounds == definition.bounds;
        }
        for (const auto& [name, other] : definitions_) {
            for (const std::string& theirs : names_of(other)) {
                for (const std::string& mine : names_of(definition)) {
                    if (theirs == mine) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    void make_series() {
        if (metrics_by_number_.empty()) {
            portico_series none = 77;
            PORTICO_ASSERT(metrics_->get_series(instance_, input_.byte(), nullptr, 0, 0, &none) ==
                           PORTICO_GONE);
            return;
        }
        const auto metric = std::next(metrics_by_number_.begin(),
                                      input_.byte() % static_cast<int>(metrics_by_number_.size()));
        const Definition& definition = definitions_.at(metric->second);
        std::vector<std::string> values;
        bool fine = true;
        const std::size_t count = input_.byte() < 0xF0 ? definition.labels.size()
                                                       : input_.byte() % 10;
        for (std::size_t i = 0; i < count; ++i) {
            values.push_back(input_.byte() == 0xFF ? std::string(257, 'x')
                                                   : input_.text(input_.byte() % 3));
            fine = fine && values.back().size() <= 256 && !config::first_invalid(values.back());
        }
        fine = fine && count == definition.labels.size();
        std::vector<portico_part> parts;
        for (const std::string& value : values) {
            parts.push_back({value.empty() ? nullptr : value.data(), value.size()});
        }
        std::uint64_t same = 0;
        std::uint32_t others = 0;
        for (const auto& [number, series] : series_) {
            others += series.metric == definition.name ? 1 : 0;
            same = series.metric == definition.name && series.values == values ? number : same;
        }
        portico_series number = 77;
        const portico_status status = metrics_->get_series(instance_, metric->first, parts.data(),
                                                           static_cast<std::uint32_t>(count),
                                                           sizeof(portico_part), &number);
        const std::uint32_t most = definition.series_max != 0 ? definition.series_max : 1'000;
        PORTICO_ASSERT(status == (!fine                         ? PORTICO_INVALID
                                  : same == 0 && others >= most ? PORTICO_LIMIT
                                                                : PORTICO_OK));
        PORTICO_ASSERT(status == PORTICO_OK ? number != 0 && (same == 0 || same == number)
                                            : number == 77);
        if (status == PORTICO_OK && same == 0) {
            Series made{definition.kind, definition.name, values, 0, 0, 0, {}};
            made.buckets.resize(
                definition.kind == PORTICO_METRIC_HISTOGRAM ? definition.bounds.size() + 1 : 0);
            PORTICO_ASSERT(series_.emplace(number, std::move(made)).second);
        }
    }

    // The model's series, or null; then the answer must be GONE.
    Series* known(std::uint64_t number) {
        const auto found = series_.find(number);
        return found != series_.end() ? &found->second : nullptr;
    }

    void add() {
        const std::uint64_t to = number();
        const double amount = input_.flag() ? input_.byte() : real();
        Series* series = known(to);
        const bool fits = series != nullptr && std::isfinite(amount) &&
                          (series->kind == PORTICO_METRIC_GAUGE ||
                           (series->kind == PORTICO_METRIC_COUNTER && amount >= 0));
        const portico_status status = metrics_->add(instance_, to, amount);
        PORTICO_ASSERT(status == (series == nullptr ? PORTICO_GONE
                                  : fits            ? PORTICO_OK
                                                    : PORTICO_INVALID));
        if (fits) {
            series->added += amount;
        }
    }

    void set() {
        const std::uint64_t to = number();
        const double value = real();
        Series* series = known(to);
        const bool fits = series != nullptr && series->kind == PORTICO_METRIC_GAUGE;
        const portico_status status = metrics_->set(instance_, to, value);
        PORTICO_ASSERT(status == (series == nullptr ? PORTICO_GONE
                                  : fits            ? PORTICO_OK
                                                    : PORTICO_INVALID));
        if (fits) {
            series->base = value - series->added;
        }
    }

    void record() {
        const std::uint64_t to = number();
        const double value = real();
        Series* series = known(to);
        const bool fits = series != nullptr && series->kind == PORTICO_METRIC_HISTOGRAM &&
                          !std::isnan(value);
        const portico_status status = metrics_->record(instance_, to, value);
        PORTICO_ASSERT(status == (series == nullptr ? PORTICO_GONE
                                  : fits            ? PORTICO_OK
                                                    : PORTICO_INVALID));
        if (fits) {
            const std::vector<double>& bounds = definitions_.at(series->metric).bounds;
            std::size_t bucket = 0;
            while (bucket < bounds.size() && value > bounds[bucket]) {
                ++bucket;
            }
            ++series->buckets[bucket];
            series->sum += value;
        }
    }

    void pass_nothing() {
        portico_metric metric = 77;
        portico_metric_definition given{};
        PORTICO_ASSERT(metrics_->define(instance_, nullptr, &metric) == PORTICO_INVALID);
        PORTICO_ASSERT(metrics_->define(instance_, &given, nullptr) == PORTICO_INVALID);
        PORTICO_ASSERT(metrics_->define(instance_, &given, &metric) == PORTICO_INVALID);
        given.struct_size = sizeof given;
        given.kind = PORTICO_METRIC_GAUGE;
        given.name_size = 1;
        PORTICO_ASSERT(metrics_->define(instance_, &given, &metric) == PORTICO_INVALID);
        given.name = "n";
        given.label_count = input_.number<std::uint32_t>() | 1;
        given.label_stride = input_.byte();
        PORTICO_ASSERT(metrics_->define(instance_, &given, &metric) == PORTICO_INVALID);
        PORTICO_ASSERT(metrics_->get_series(instance_, 1, nullptr, 0, 0, nullptr) ==
                       PORTICO_INVALID);
        PORTICO_ASSERT(metric == 77);
    }

    fuzz::Input input_;
    portico_instance* instance_ = nullptr;
    const portico_metrics* metrics_ = nullptr;
    std::map<std::string, Definition> definitions_;
    std::map<std::uint64_t, std::string> metrics_by_number_;
    std::map<std::uint64_t, Series> series_;
};
Model* current = nullptr;

portico_status PORTICO_CALL create(const portico_setup* setup, void**) {
    return current->create(*setup);
}
void PORTICO_CALL destroy(void*) {}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t, const portico_frame*, std::uint64_t*) {
    return PORTICO_OK;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Model model(fuzz::Input(data, size));
    current = &model;
    portico_callbacks callbacks{};
    callbacks.struct_size = sizeof callbacks;
    callbacks.on_data = on_data;
    portico_plugin table{};
    table.struct_size = sizeof table;
    table.name = "metrics";
    table.name_size = 7;
    table.create = create;
    table.destroy = destroy;
    table.callbacks = &callbacks;
    config::Listener listener;
    listener.name = "fuzzed";
    NoLog log;
    net::ConnectionContext context;
    context.listener_name = listener.name;
    context.log = &log;
    // No thread of it ever runs.
    io::BufferPool buffers(64, 1, io::BufferPool::Use::single);
    net::WorkerGroup group(std::make_unique<fuzz::DrivenPort>(buffers, [](bool) {}), buffers, {});
    net::ConnectionTable connections(1);
    plugin::Metrics store(1, nullptr);
    auto instance = std::make_unique<plugin::Instance>(
        plugin::Loaded{nullptr, &table, "metrics.so"}, listener, log);
    instance->use_metrics(store);
    PORTICO_ASSERT(instance->create(connections, context, group, 1).empty());
    instance->finish();
    instance.reset();
    model.check(store);
    return 0;
}
