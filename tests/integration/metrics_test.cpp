// The extension "portico.metrics.draft/1" in a server: what a load sent is what was counted, and
// mistakes of a plugin are answered and named.
#include "portico/ext/metrics.h"

#include <array>
#include <cmath>

#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

namespace {

// The series of a metric with these values of its own labels, or null.
const Metric::Series* find(const std::vector<Metric>& metrics, const std::string& name,
                           const std::string& listener,
                           const std::vector<std::string>& values = {}) {
    for (const Metric& metric : metrics) {
        for (const Metric::Series& series : metric.series) {
            if (!metric.name.starts_with("portico_plugin_")) {
                continue;  // the host's own
            }
            std::vector<std::string> own;
            for (std::size_t i = 2; i < series.labels.size(); ++i) {
                own.push_back(series.labels[i].value);
            }
            if (metric.name == "portico_plugin_" + series.labels[1].value + "_" + name &&
                series.labels[0].value == listener && own == values) {
                return &series;
            }
        }
    }
    return nullptr;
}

std::vector<Metric> of_plugins(const Server& server) {
    std::vector<Metric> metrics = server.metrics();
    std::erase_if(metrics,
                  [](const Metric& metric) { return !metric.name.starts_with("portico_plugin_"); });
    return metrics;
}

// Of a counter or a gauge.
double value_of(const Server& server, const std::string& name, const std::string& listener) {
    const std::vector<Metric> metrics = server.metrics();
    const Metric::Series* series = find(metrics, name, listener);
    return series != nullptr ? series->value : NAN;
}

const portico_metrics& metrics_of(const Script& script) {
    // Threads call this: no check of Catch2's.
    return *script.extension<portico_metrics>(PORTICO_EXT_METRICS);
}

portico_metric_definition definition_of(std::uint32_t kind, const std::string& name) {
    portico_metric_definition definition{};
    definition.struct_size = sizeof definition;
    definition.kind = kind;
    definition.name = name.data();
    definition.name_size = name.size();
    return definition;
}

// A metric without labels, and its only series.
portico_status define(const Script& script, std::uint32_t kind, const std::string& name,
                      portico_series& series) {
    const portico_metrics& metrics = metrics_of(script);
    static constexpr double bound = 10;
    portico_metric_definition definition = definition_of(kind, name);
    if (kind == PORTICO_METRIC_HISTOGRAM) {
        definition.bounds = &bound;
        definition.bound_count = 1;
    }
    portico_metric metric = 0;
    const portico_status status = metrics.define(script.instance(), &definition, &metric);
    return status != PORTICO_OK
               ? status
               : metrics.get_series(script.instance(), metric, nullptr, 0, 0, &series);
}

}  // namespace

TEST_CASE("what was counted is what a verified load has sent, and never goes back", "[metrics]") {
    const std::string ports = ANY_PORTS();
    const std::string framing = "\"framing\": {\"type\": \"delimiter\"}";
    TestServer server(io_of(ports), {{"one", "metrics", framing}, {"two", "metrics", framing}});
    constexpr int clients = 8;
    const int messages = sanitized || on_windows ? 200 : 2'000;
    std::atomic<int> good{0};
    std::atomic<bool> done{false};
    std::atomic<bool> went_back{false};
    std::thread reader([&] {
        double last = 0;
        while (!done) {
            const double now = value_of(server.server, "messages_total", "one");
            went_back = went_back || now < last;
            last = now;
        }
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i) {
        threads.emplace_back([&, i] {
            Peer peer;
            bool fine = peer.connect(server.address(i % 4 == 0 ? "two" : "one"));
            for (int n = 0; n < messages && fine; ++n) {
                const auto size = static_cast<std::size_t>(1 + (n * 37 + i) % 300);
                fine = echoes(peer, std::string(size - 1, 'x') + "\n");
            }
            good += fine ? 1 : 0;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    done = true;
    reader.join();
    REQUIRE(good == clients);
    CHECK_FALSE(went_back);
    for (const std::string listener : {"one", "two"}) {
        std::uint64_t sent = 0;
        std::uint64_t bytes = 0;
        std::array<std::uint64_t, 4> buckets{};
        for (int i = 0; i < clients; ++i) {
            for (int n = 0; n < messages && (i % 4 == 0) == (listener == "two"); ++n) {
                const auto size = static_cast<std::uint64_t>(1 + (n * 37 + i) % 300);
                ++sent;
                bytes += size;
                buckets[0] += size <= 16 ? 1 : 0;
                buckets[1] += size <= 256 ? 1 : 0;
                ++buckets[2];
                ++buckets[3];
            }
        }
        // The last replies are with the clients before the callbacks that sent them have counted.
        CHECK(eventually([&] {
            const std::vector<Metric> now = server.server.metrics();
            return find(now, "messages_total", listener)->value == static_cast<double>(sent) &&
                   find(now, "message_bytes", listener)->sum == static_cast<double>(bytes);
        }));
        const std::vector<Metric> metrics = server.server.metrics();
        CHECK(find(metrics, "bytes_total", listener)->value == static_cast<double>(bytes));
        const Metric::Series& sizes = *find(metrics, "message_bytes", listener);
        CHECK(sizes.count == sent);
        REQUIRE(sizes.buckets.size() == buckets.size());
        for (std::size_t i = 0; i < buckets.size(); ++i) {
            CHECK(sizes.buckets[i].count == buckets[i]);
        }
        CHECK(sizes.buckets[0].upper_bound == 16);
        CHECK(std::isinf(sizes.buckets[3].upper_bound));
        CHECK(eventually([&] { return value_of(server.server, "connections", listener) == 0; }));
    }
}

TEST_CASE("a server's metrics are told with their definitions and labels, sorted by name",
          "[metrics]") {
    TestServer server(io_of("per_core"), {{"one", "metrics", ""}});
    const std::vector<Metric> metrics = of_plugins(server.server);
    REQUIRE(metrics.size() == 4);
    CHECK(metrics[0].name == "portico_plugin_metrics_bytes_total");
    CHECK(metrics[0].kind == Metric::Kind::counter);
    CHECK(metrics[0].help == "Of the echo that the tests load.");
    CHECK(metrics[1].name == "portico_plugin_metrics_connections");
    CHECK(metrics[1].kind == Metric::Kind::gauge);
    CHECK(metrics[2].name == "portico_plugin_metrics_message_bytes");
    CHECK(metrics[2].kind == Metric::Kind::histogram);
    CHECK(metrics[3].name == "portico_plugin_metrics_messages_total");
    REQUIRE(metrics[3].series.size() == 1);
    const Metric::Series& series = metrics[3].series[0];
    REQUIRE(series.labels.size() == 2);
    CHECK(series.labels[0].name == "listener");
    CHECK(series.labels[0].value == "one");
    CHECK(series.labels[1].name == "plugin");
    CHECK(series.labels[1].value == "metrics");
    static_cast<void>(server.stop());
    CHECK(server.server.metrics().empty());
}

TEST_CASE("threads of a plugin, and workers of another server, count like its own workers",
          "[metrics]") {
    Script script;
    Script other;
    portico_series counter = 0;
    portico_series gauge = 0;
    portico_series histogram = 0;
    script.on_create = [&](Script&) -> portico_status {
        portico_status status = define(script, PORTICO_METRIC_COUNTER, "a_total", counter);
        status = status == PORTICO_OK ? define(script, PORTICO_METRIC_GAUGE, "b", gauge) : status;
        return status == PORTICO_OK ? define(script, PORTICO_METRIC_HISTOGRAM, "c", histogram)
                                    : status;
    };
    const auto count = [&] {
        const portico_metrics& metrics = metrics_of(script);
        return metrics.add(script.instance(), counter, 0.5) == PORTICO_OK &&
               metrics.add(script.instance(), gauge, -2) == PORTICO_OK &&
               metrics.record(script.instance(), histogram, 0.5) == PORTICO_OK;
    };
    for (Script* of_server : {&script, &other}) {
        of_server->on_data = [of_server, &count](Line& line, std::string_view data,
                                                 const portico_frame&, std::uint64_t& consumed) {
            if (!count()) {
                of_server->violated("a callback cannot count");
            }
            consumed = data.size();
            return of_server->send(line, data);
        };
    }
    const int messages = sanitized || on_windows ? 200 : 2'000;
    TestServer server(io_of("per_core", 1), {{"x", "relay#full", "", &script}});
    TestServer foreign(io_of("per_core", 1), {{"y", "relay#full", "", &other}});
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            const bool has_peer = i < 2;
            Peer peer;
            bool fine = !has_peer ||
                        peer.connect(i == 0 ? server.address("x") : foreign.address("y"));
            for (int n = 0; n < messages && fine; ++n) {
                fine = has_peer ? echoes(peer, "m") : count();
            }
            good += fine ? 1 : 0;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    REQUIRE(good == 4);
    const double expected = 4.0 * messages;
    CHECK(value_of(server.server, "a_total", "x") == 0.5 * expected);
    CHECK(value_of(server.server, "b", "x") == -2 * expected);
    const std::vector<Metric> read = server.server.metrics();
    CHECK(find(read, "c", "x")->count == static_cast<std::uint64_t>(expected));
    // A set counts what all threads have added.
    CHECK(metrics_of(script).set(script.instance(), gauge, 7) == PORTICO_OK);
    CHECK(value_of(server.server, "b", "x") == 7);
}

TEST_CASE("a plugin's mistakes with metrics are answered, and nothing is counted", "[metrics]") {
    Script script;
    Script other;
    portico_series counter = 0;
    portico_series gauge = 0;
    portico_series foreign = 0;
    script.on_create = [&](Script&) -> portico_status {
        const portico_status status = define(script, PORTICO_METRIC_COUNTER, "a_total", counter);
        return status == PORTICO_OK ? define(script, PORTICO_METRIC_GAUGE, "b", gauge) : status;
    };
    other.on_create = [&](Script&) {
        return define(other, PORTICO_METRIC_COUNTER, "a_total", foreign);
    };
    const portico_metrics* kept = nullptr;
    {
        TestServer server(io_of("per_core"),
                          {{"x", "relay#full", "", &script}, {"y", "relay#full", "", &other}});
        const portico_metrics& metrics = metrics_of(script);
        portico_instance* self = script.instance();
        kept = &metrics;
        portico_series none = 0;
        CHECK(define(script, PORTICO_METRIC_COUNTER, "late_total", none) == PORTICO_UNSUPPORTED);
        CHECK(metrics.define(self, nullptr, nullptr) == PORTICO_INVALID);
        CHECK(metrics.add(self, counter, -0.5) == PORTICO_INVALID);
        for (const double wrong : {-HUGE_VAL, HUGE_VAL, std::nan("")}) {
            CHECK(metrics.add(self, counter, wrong) == PORTICO_INVALID);
            CHECK(metrics.add(self, gauge, wrong) == PORTICO_INVALID);
        }
        CHECK(metrics.set(self, counter, 1) == PORTICO_INVALID);
        CHECK(metrics.record(self, counter, 1) == PORTICO_INVALID);
        CHECK(metrics.record(self, gauge, 1) == PORTICO_INVALID);
        for (const portico_series wrong :
             {portico_series{0}, foreign, counter + 2, portico_series{UINT64_MAX}}) {
            CHECK(metrics.add(self, wrong, 1) == PORTICO_GONE);
            CHECK(metrics.set(self, wrong, 1) == PORTICO_GONE);
            CHECK(metrics.record(self, wrong, 1) == PORTICO_GONE);
            CHECK(metrics.get_series(self, wrong, nullptr, 0, 0, &none) == PORTICO_GONE);
        }
        CHECK(none == 0);
        CHECK(value_of(server.server, "a_total", "x") == 0);
        CHECK(value_of(server.server, "a_total", "y") == 0);
        CHECK(value_of(server.server, "b", "x") == 0);
        CHECK(metrics.add(self, counter, 3) == PORTICO_OK);
        CHECK(value_of(server.server, "a_total", "x") == 3);
        CHECK(value_of(server.server, "a_total", "y") == 0);
        CHECK(of_plugins(server.server).size() == 2);
    }
    CHECK(kept->add(script.instance(), counter, 1) == PORTICO_GONE);
    CHECK(kept->set(script.instance(), gauge, 1) == PORTICO_GONE);
    CHECK(kept->record(script.instance(), gauge, 1) == PORTICO_GONE);
    portico_series none = 0;
    CHECK(kept->get_series(script.instance(), 1, nullptr, 0, 0, &none) == PORTICO_GONE);
    const std::string name = "z_total";
    const portico_metric_definition definition = definition_of(PORTICO_METRIC_COUNTER, name);
    CHECK(kept->define(script.instance(), &definition, &none) == PORTICO_GONE);
}

TEST_CASE("labels make series, and a metric has only so many", "[metrics]") {
    Script script;
    portico_metric metric = 0;
    script.on_create = [&](Script&) {
        const portico_part labels[] = {{"method", 6}, {"status", 6}};
        const std::string name = "requests_total";
        portico_metric_definition definition = definition_of(PORTICO_METRIC_COUNTER, name);
        definition.labels = labels;
        definition.label_count = 2;
        definition.label_stride = sizeof labels[0];
        definition.series_max = 2;
        return metrics_of(script).define(script.instance(), &definition, &metric);
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    const portico_metrics& metrics = metrics_of(script);
    portico_instance* self = script.instance();
    const auto series = [&](const std::string& method, const std::string& status,
                            portico_series& found) {
        const portico_part values[] = {{method.data(), method.size()},
                                       {status.data(), status.size()}};
        return metrics.get_series(self, metric, values, 2, sizeof values[0], &found);
    };
    portico_series get = 0;
    portico_series put = 0;
    portico_series again = 0;
    CHECK(series("GET", "200", get) == PORTICO_OK);
    CHECK(series("PUT", "", put) == PORTICO_OK);
    CHECK(series("GET", "200", again) == PORTICO_OK);
    CHECK(again == get);
    CHECK(put != get);
    CHECK(series("DELETE", "200", again) == PORTICO_LIMIT);
    CHECK(series(std::string(257, 'x'), "", again) == PORTICO_INVALID);
    CHECK(series("\xFF", "", again) == PORTICO_INVALID);
    CHECK(metrics.get_series(self, metric, nullptr, 0, 0, &again) == PORTICO_INVALID);
    CHECK(metrics.get_series(self, metric, nullptr, 2, 16, &again) == PORTICO_INVALID);
    CHECK(again == get);
    CHECK(metrics.add(self, get, 5) == PORTICO_OK);
    CHECK(metrics.add(self, put, 6) == PORTICO_OK);
    const std::vector<Metric> now = server.server.metrics();
    REQUIRE(find(now, "requests_total", "x", {"GET", "200"}) != nullptr);
    CHECK(find(now, "requests_total", "x", {"GET", "200"})->value == 5);
    REQUIRE(find(now, "requests_total", "x", {"PUT", ""}) != nullptr);
    CHECK(find(now, "requests_total", "x", {"PUT", ""})->value == 6);
}

TEST_CASE("two plugins use one name for different things", "[metrics]") {
    Script script;
    portico_series series = 0;
    script.on_create = [&](Script&) {
        return define(script, PORTICO_METRIC_GAUGE, "message_bytes", series);
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}, {"y", "metrics", ""}});
    CHECK(metrics_of(script).set(script.instance(), series, 7) == PORTICO_OK);
    CHECK(value_of(server.server, "message_bytes", "x") == 7);
    const std::vector<Metric> metrics = server.server.metrics();
    REQUIRE(find(metrics, "message_bytes", "y") != nullptr);
    CHECK(find(metrics, "message_bytes", "y")->buckets.size() == 4);
}

TEST_CASE("a name that another listener has defined otherwise fails the start, and says by whom",
          "[metrics]") {
    Script script;
    Script other;
    portico_series series = 0;
    script.on_create = [&](Script&) { return define(script, PORTICO_METRIC_GAUGE, "a", series); };
    other.on_create = [&](Script&) { return define(other, PORTICO_METRIC_HISTOGRAM, "a", series); };
    Server server;
    server.set_default_plugin_directory(test_plugin_directory());
    REQUIRE(server.configure_text(
        configuration_of(io_of("per_core"),
                         {{"x", "relay#full", "", &script}, {"y", "relay#full", "", &other}}, ""),
        Server::program_directory()));
    CHECK_FALSE(server.start());
    REQUIRE(server.errors().size() == 1);
    INFO(server.errors()[0]);
    CHECK(server.errors()[0].ends_with(
        ": listener \"y\", plugin \"relay#full\": metric \"portico_plugin_full_a\": the plugin "
        "\"full\" of the listener \"x\" has already defined \"portico_plugin_full_a\" as a gauge "
        "without labels, and this is a histogram without labels, with the bounds 10"));
    CHECK(server.metrics().empty());
}
