// The store of a server's metrics, and an instance's numbers: what is refused, what goes on
// counting, and what threads add at once.
#include "plugin/metrics.hpp"
#include "plugin/instance_metrics.hpp"

#include <atomic>
#include <thread>

#include "support/catch.hpp"

using namespace portico;
using plugin::InstanceMetrics;
using plugin::ListenerMetric;
using plugin::MetricCells;
using plugin::MetricDefinition;
using plugin::MetricReading;
using plugin::Metrics;
using plugin::MetricSeries;
using Kind = MetricDefinition::Kind;

namespace {

constexpr std::uint32_t other_thread = MetricCells::no_worker;

MetricDefinition definition_of(Kind kind, const std::string& name,
                               std::vector<std::string> labels = {},
                               std::vector<double> bounds = {}) {
    return {kind, name, "help", std::move(labels), std::move(bounds)};
}

ListenerMetric& define(Metrics& store, MetricDefinition definition,
                       const std::string& listener = "one", const std::string& plugin = "p") {
    base::Result<ListenerMetric*> made = store.define(std::move(definition), listener, plugin);
    INFO(made.error());
    REQUIRE(static_cast<bool>(made));
    return **made;
}

std::string refusal(Metrics& store, MetricDefinition definition) {
    return store.define(std::move(definition), "two", "q").error();
}

MetricSeries& series_of(Metrics& store, ListenerMetric& metric,
                        std::vector<std::string_view> values = {}) {
    MetricSeries* series = store.series(metric, values, 1'000);
    REQUIRE(series != nullptr);
    return *series;
}

}  // namespace

TEST_CASE("workers' parts and the others' are added up", "[plugin_metrics]") {
    Metrics store(2, nullptr);
    MetricSeries& counter = series_of(store,
                                      define(store, definition_of(Kind::counter, "a_total")));
    counter.add(0, 1);
    counter.add(1, 10);
    counter.add(other_thread, 100);
    counter.add(2, 1'000);  // no worker of this store
    CHECK(counter.counter() == 1'111);
    counter.add(1, 0.25);
    CHECK(counter.counter() == 1'111.25);

    MetricSeries& gauge = series_of(store, define(store, definition_of(Kind::gauge, "b")));
    CHECK(gauge.gauge() == 0);
    gauge.add(1, -5);
    gauge.add(other_thread, 2);
    CHECK(gauge.gauge() == -3);
    gauge.set(0.25);
    CHECK(gauge.gauge() == 0.25);
    gauge.add(0, 1);
    CHECK(gauge.gauge() == 1.25);
}

TEST_CASE("a counter is exact for whole numbers up to 2^53", "[plugin_metrics]") {
    constexpr double most = 9'007'199'254'740'992;
    Metrics store(2, nullptr);
    MetricSeries& counter = series_of(store,
                                      define(store, definition_of(Kind::counter, "a_total")));
    counter.add(0, most / 2);
    counter.add(1, most / 4);
    counter.add(other_thread, most / 4 - 3);
    for (const std::uint32_t thread : {0U, 1U, other_thread}) {
        counter.add(thread, 1);
    }
    CHECK(counter.counter() == most);
    counter.add(0, 1);
    CHECK(counter.counter() >= most);  // beyond, it does not go back
}

TEST_CASE("a value lies in the first bucket whose bound is not below it", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    MetricSeries& sizes = series_of(
        store, define(store, definition_of(Kind::histogram, "h", {}, {-1, 0.5, 10})));
    for (const double value : {-2.0, -1.0, 0.0, 0.5, 0.75, 10.0, 11.0, 1e300}) {
        sizes.record(value < 1 ? 0 : other_thread, value);
    }
    CHECK(sizes.bucket(0) == 2);
    CHECK(sizes.bucket(1) == 2);
    CHECK(sizes.bucket(2) == 2);
    CHECK(sizes.bucket(3) == 2);
    CHECK(sizes.sum() == 1e300);
}

TEST_CASE("an equal definition goes on counting, another one is refused", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    ListenerMetric& first = define(store, definition_of(Kind::counter, "a_total", {"x", "y"}));
    series_of(store, first, {"1", "2"}).add(0, 7);
    // A later instance of the same listener, with another help text.
    MetricDefinition same = definition_of(Kind::counter, "a_total", {"x", "y"});
    same.help = "other words";
    ListenerMetric& later = define(store, same);
    CHECK(&later == &first);
    series_of(store, later, {"1", "2"}).add(0, 1);
    CHECK(series_of(store, later, {"1", "2"}).counter() == 8);
    // Another listener, and another plugin, count for themselves.
    ListenerMetric& elsewhere = define(store, same, "two");
    CHECK(series_of(store, elsewhere, {"1", "2"}).counter() == 0);
    CHECK(&define(store, same, "one", "q") != &first);

    CHECK(refusal(store, definition_of(Kind::counter, "a_total", {"y", "x"})) ==
          "metric \"a_total\": the plugin \"p\" of the listener \"one\" has already defined "
          "\"a_total\" as a counter with the labels x, y, and this is a counter with the labels "
          "y, x");
    CHECK_FALSE(refusal(store, definition_of(Kind::gauge, "a_total", {"x", "y"})).empty());
    CHECK_FALSE(refusal(store, definition_of(Kind::counter, "a_total")).empty());
}

TEST_CASE("the names of a histogram's samples are taken too", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    define(store, definition_of(Kind::histogram, "h", {"x"}, {1, 2.5}));
    define(store, definition_of(Kind::gauge, "g_sum"));
    CHECK(refusal(store, definition_of(Kind::histogram, "h", {"x"}, {1, 2})) ==
          "metric \"h\": the plugin \"p\" of the listener \"one\" has already defined \"h\" as a "
          "histogram with the label x, with the bounds 1, 2.5, and this is a histogram with the "
          "label x, with the bounds 1, 2");
    for (const char* name : {"h_bucket", "h_sum", "h_count"}) {
        CHECK(refusal(store, definition_of(Kind::gauge, name)).find("defined \"h\"") !=
              std::string::npos);
    }
    CHECK(refusal(store, definition_of(Kind::histogram, "g", {}, {1})).find("\"g_sum\"") !=
          std::string::npos);
    CHECK(refusal(store, definition_of(Kind::gauge, "g")).empty());
}

TEST_CASE("a metric has at most so many series, each with its own numbers", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    ListenerMetric& metric = define(store, definition_of(Kind::counter, "a_total", {"x"}));
    // More than one page has room for.
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        const std::string value = std::to_string(i);
        const std::string_view values[] = {value};
        MetricSeries* series = store.series(metric, values, 1'000);
        REQUIRE(series != nullptr);
        CHECK(series->counter() == 0);
        series->add(0, i);
    }
    const std::string_view more[] = {"more"};
    CHECK(store.series(metric, more, 1'000) == nullptr);
    const std::string_view known[] = {"17"};
    CHECK(store.series(metric, known, 1)->counter() == 17);
    const std::vector<MetricReading> readings = store.read();
    REQUIRE(readings.size() == 1);
    REQUIRE(readings[0].series.size() == 1'000);
    for (const MetricReading::Series& read : readings[0].series) {
        CHECK(std::to_string(static_cast<int>(read.value)) == read.series->values()[0]);
    }
}

TEST_CASE("values of labels are not confused with each other", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    ListenerMetric& metric = define(store, definition_of(Kind::counter, "a_total", {"x", "y"}));
    CHECK(&series_of(store, metric, {"ab", "c"}) != &series_of(store, metric, {"a", "bc"}));
    CHECK(&series_of(store, metric, {"", "1:a"}) != &series_of(store, metric, {"1:", "a"}));
}

TEST_CASE("an instance's numbers are its own", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    InstanceMetrics one(store, "one", "p");
    InstanceMetrics later(store, "one", "p");
    const std::uint64_t metric = *one.define(definition_of(Kind::counter, "a_total", {"x"}), 200);
    CHECK(*one.define(definition_of(Kind::counter, "a_total", {"x"}), 200) == metric);
    const std::uint64_t of_later = *later.define(definition_of(Kind::counter, "a_total", {"x"}), 0);
    CHECK(of_later != metric);
    std::size_t labels = 0;
    CHECK(one.label_count(metric, labels));
    CHECK(labels == 1);
    CHECK_FALSE(one.label_count(of_later, labels));
    CHECK_FALSE(one.label_count(0, labels));
    CHECK_FALSE(one.label_count(metric + 1, labels));

    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < 200; ++i) {
        const std::string value = std::to_string(i);
        const std::string_view values[] = {value};
        numbers.push_back(one.series(metric, values));
        REQUIRE(one.find(numbers.back()) != nullptr);
        CHECK(one.find(numbers.back())->values()[0] == value);
        CHECK(one.series(metric, values) == numbers.back());
        CHECK(one.find(numbers.back() + 1) == nullptr);
        CHECK(later.find(numbers.back()) == nullptr);
    }
    const std::string_view more[] = {"more"};
    CHECK(one.series(metric, more) == 0);
    CHECK(one.find(numbers.back() + 1) == nullptr);
    CHECK(one.find(0) == nullptr);
    CHECK(one.find(numbers.front() - 64) == nullptr);
    CHECK(one.find(numbers.front() | UINT32_MAX) == nullptr);
    // The later instance finds the series that there are, and may make none.
    const std::string_view known[] = {"5"};
    const std::uint64_t found = later.series(of_later, known);
    REQUIRE(found != 0);
    CHECK(later.find(found) == one.find(numbers[5]));
    CHECK(later.series(of_later, more) == 0);
}

TEST_CASE("an instance defines at most 256 metrics", "[plugin_metrics]") {
    Metrics store(1, nullptr);
    InstanceMetrics one(store, "one", "p");
    for (int i = 0; i < 256; ++i) {
        CHECK(*one.define(definition_of(Kind::gauge, "g" + std::to_string(i)), 1) != 0);
    }
    CHECK(*one.define(definition_of(Kind::gauge, "g256"), 1) == 0);
    CHECK(*one.define(definition_of(Kind::gauge, "g7"), 1) != 0);
    CHECK(store.read().size() == 256);
}

TEST_CASE("threads add, make series and read at once: nothing is lost, and nothing goes back",
          "[plugin_metrics]") {
    constexpr std::uint32_t workers = 3;
    constexpr std::uint32_t others = 2;
    constexpr std::uint32_t times = 20'000;
    Metrics store(workers, nullptr);
    InstanceMetrics instance(store, "one", "p");
    const std::uint64_t counter = *instance.define(definition_of(Kind::counter, "a_total"), 1);
    const std::uint64_t gauge = *instance.define(definition_of(Kind::gauge, "b"), 1);
    const std::uint64_t sizes = *instance.define(
        definition_of(Kind::histogram, "c", {"x"}, {10, 20}), 64);
    std::atomic<bool> done{false};
    std::atomic<bool> went_back{false};
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < workers + others; ++i) {
        threads.emplace_back([&, i] {
            const std::uint32_t worker = i < workers ? i : other_thread;
            const std::string own = std::to_string(i % 2);
            const std::string_view values[] = {own};
            MetricSeries& to_count = *instance.find(instance.series(counter, {}));
            MetricSeries& to_move = *instance.find(instance.series(gauge, {}));
            MetricSeries& to_record = *instance.find(instance.series(sizes, values));
            for (std::uint32_t n = 0; n < times; ++n) {
                to_count.add(worker, 1);
                to_move.add(worker, n % 2 == 0 ? 3 : -2);
                to_record.record(worker, n % 30);
                if (n == times / 2 && i == 0) {
                    to_move.set(0.5);
                }
            }
        });
    }
    threads.emplace_back([&] {
        double last = 0;
        while (!done) {
            for (const MetricReading& reading : store.read()) {
                if (reading.definition->kind == Kind::counter && !reading.series.empty()) {
                    went_back = went_back || reading.series[0].value < last;
                    last = reading.series[0].value;
                }
            }
        }
    });
    for (std::uint32_t i = 0; i < workers + others; ++i) {
        threads[i].join();
    }
    done = true;
    threads.back().join();
    CHECK_FALSE(went_back);
    CHECK(instance.find(instance.series(counter, {}))->counter() == times * (workers + others));
    // The set came while others added: each addition counts once, if it counts after the set.
    const double moved = instance.find(instance.series(gauge, {}))->gauge();
    CHECK(moved - 0.5 <= times / 2.0 * (workers + others) + 20);
    CHECK(moved - 0.5 >= times / 4.0 - 20);
    std::uint64_t recorded = 0;
    double sum = 0;
    for (const char* value : {"0", "1"}) {
        const std::string_view values[] = {value};
        const MetricSeries& series = *instance.find(instance.series(sizes, values));
        recorded += series.bucket(0) + series.bucket(1) + series.bucket(2);
        sum += series.sum();
    }
    CHECK(recorded == times * (workers + others));
    double expected = 0;
    for (std::uint32_t n = 0; n < times; ++n) {
        expected += n % 30;
    }
    CHECK(sum == expected * (workers + others));
}
