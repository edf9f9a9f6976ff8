// The text that Prometheus reads, in both formats.
#include <limits>
#include <string>
#include <vector>

#include "admin/exposition.hpp"
#include "support/catch.hpp"

using namespace portico;
using admin::Exposition;

namespace {

Metric counter() {
    Metric metric;
    metric.name = "portico_plugin_echo_messages_total";
    metric.help = "Messages that were \"answered\",\nand a \\";
    metric.kind = Metric::Kind::counter;
    Metric::Series series;
    series.labels = {{"listener", "a\"b\\c\nd"}, {"plugin", "echo"}};
    series.value = 12'345'678;
    metric.series.push_back(series);
    return metric;
}

Metric histogram() {
    Metric metric;
    metric.name = "portico_plugin_echo_wait_seconds";
    metric.help = "How long.";
    metric.kind = Metric::Kind::histogram;
    Metric::Series series;
    series.labels = {{"listener", "echo"}};
    series.buckets = {{0.5, 1}, {2, 3}, {std::numeric_limits<double>::infinity(), 4}};
    series.count = 4;
    series.sum = 7.25;
    metric.series.push_back(series);
    return metric;
}

Metric gauge(double value) {
    Metric metric;
    metric.name = "portico_open";
    metric.help = "Open.";
    metric.kind = Metric::Kind::gauge;
    metric.series.emplace_back().value = value;
    return metric;
}

}  // namespace

TEST_CASE("Prometheus gets each metric with its help, type and series", "[exposition]") {
    CHECK(admin::exposition({counter(), histogram(), gauge(1.5)}, Exposition::prometheus) ==
          R"(# HELP portico_plugin_echo_messages_total Messages that were "answered",\nand a \\
# TYPE portico_plugin_echo_messages_total counter
portico_plugin_echo_messages_total{listener="a\"b\\c\nd",plugin="echo"} 12345678
# HELP portico_plugin_echo_wait_seconds How long.
# TYPE portico_plugin_echo_wait_seconds histogram
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="0.5"} 1
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="2"} 3
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="+Inf"} 4
portico_plugin_echo_wait_seconds_sum{listener="echo"} 7.25
portico_plugin_echo_wait_seconds_count{listener="echo"} 4
# HELP portico_open Open.
# TYPE portico_open gauge
portico_open 1.5
)");
}

TEST_CASE("OpenMetrics names a counter's family without its suffix, and ends", "[exposition]") {
    CHECK(admin::exposition({counter(), histogram()}, Exposition::openmetrics) ==
          R"(# HELP portico_plugin_echo_messages Messages that were \"answered\",\nand a \\
# TYPE portico_plugin_echo_messages counter
portico_plugin_echo_messages_total{listener="a\"b\\c\nd",plugin="echo"} 12345678
# HELP portico_plugin_echo_wait_seconds How long.
# TYPE portico_plugin_echo_wait_seconds histogram
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="0.5"} 1
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="2.0"} 3
portico_plugin_echo_wait_seconds_bucket{listener="echo",le="+Inf"} 4
portico_plugin_echo_wait_seconds_sum{listener="echo"} 7.25
portico_plugin_echo_wait_seconds_count{listener="echo"} 4
# EOF
)");
    CHECK(admin::exposition({}, Exposition::openmetrics) == "# EOF\n");
    CHECK(admin::exposition({}, Exposition::prometheus).empty());
}

TEST_CASE("numbers that are not finite have Prometheus's names", "[exposition]") {
    const double infinity = std::numeric_limits<double>::infinity();
    const auto line = [](double value) {
        const std::string text = admin::exposition({gauge(value)}, Exposition::prometheus);
        return text.substr(text.rfind("portico_open"));
    };
    CHECK(line(infinity) == "portico_open +Inf\n");
    CHECK(line(-infinity) == "portico_open -Inf\n");
    CHECK(line(std::numeric_limits<double>::quiet_NaN()) == "portico_open NaN\n");
    CHECK(line(0.1) == "portico_open 0.1\n");
    CHECK(line(-3) == "portico_open -3\n");
    CHECK(line(1e300) == "portico_open 1e+300\n");
    CHECK(line(9'007'199'254'740'992.0) == "portico_open 9007199254740992\n");
}

TEST_CASE("a metric without series has no lines", "[exposition]") {
    Metric empty = counter();
    empty.series.clear();
    CHECK(admin::exposition({empty}, Exposition::prometheus).empty());
}

TEST_CASE("OpenMetrics is for those who prefer it", "[exposition]") {
    const auto gets = [](const char* accept) { return admin::exposition_for(accept); };
    CHECK(gets("") == Exposition::prometheus);
    CHECK(gets("*/*") == Exposition::prometheus);
    CHECK(gets("text/plain") == Exposition::prometheus);
    CHECK(gets("application/*") == Exposition::prometheus);
    CHECK(gets("application/openmetrics-text") == Exposition::openmetrics);
    CHECK(gets("Application/OpenMetrics-Text; version=1.0.0") == Exposition::openmetrics);
    // What Prometheus 2.42 sends.
    CHECK(gets("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
               "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1") ==
          Exposition::openmetrics);
    CHECK(gets("text/plain;q=0.9, application/openmetrics-text;q=0.5") == Exposition::prometheus);
    CHECK(gets("application/openmetrics-text;q=0") == Exposition::prometheus);
    CHECK(gets("application/openmetrics-text;q=0, */*") == Exposition::prometheus);
    CHECK(gets(",,;q,;;q=x,/,*/") == Exposition::prometheus);
}
