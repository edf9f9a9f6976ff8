// What the host itself counts: scripted traffic gives exact numbers, on every kind of port, and no
// counter ever goes back.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "integration/outbound.hpp"
#include "integration/service.hpp"
#include "io/socket.hpp"
#include "support/loopback.hpp"

using namespace portico;
using namespace portico::test;

namespace {

using Labels = std::map<std::string, std::string>;

// A snapshot of a server's metrics.
class Counts {
public:
    explicit Counts(const TestServer& server) : metrics_(server.server.metrics()) {}

    // The series that has all of these labels, or null.
    [[nodiscard]] const Metric::Series* find(const std::string& name, const Labels& labels) const {
        for (const Metric& metric : metrics_) {
            for (const Metric::Series& series : metric.series) {
                if (metric.name == name && has(series, labels)) {
                    return &series;
                }
            }
        }
        return nullptr;
    }
    // NaN if there is no such series.
    [[nodiscard]] double value(const std::string& name, const Labels& labels = {}) const {
        const Metric::Series* series = find(name, labels);
        return series != nullptr ? series->value : NAN;
    }
    // Of all series with these labels.
    [[nodiscard]] double sum(const std::string& name, const Labels& labels) const {
        double total = 0;
        for (const Metric& metric : metrics_) {
            for (const Metric::Series& series : metric.series) {
                total += metric.name == name && has(series, labels) ? series.value : 0;
            }
        }
        return total;
    }
    [[nodiscard]] const std::vector<Metric>& all() const noexcept { return metrics_; }

private:
    static bool has(const Metric::Series& series, const Labels& labels) {
        return std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
            return std::any_of(
                series.labels.begin(), series.labels.end(), [&](const Metric::Label& label) {
                    return label.name == wanted.first && label.value == wanted.second;
                });
        });
    }

    std::vector<Metric> metrics_;
};

// Waits for a number, and checks it. What follows the last byte that a peer gets takes a moment.
void check_becomes(const TestServer& server, double wanted, const std::string& name,
                   const Labels& labels) {
    static_cast<void>(eventually([&] { return Counts(server).value(name, labels) == wanted; }));
    INFO(name);
    CHECK(Counts(server).value(name, labels) == wanted);
}

void check_closed(const TestServer& server, double wanted, const std::string& reason) {
    check_becomes(server, wanted, "portico_connections_closed_total",
                  {{"listener", "x"}, {"reason", reason}});
}

void echo(Script& script) {
    script.on_data = [&script](Line& line, std::string_view data, const portico_frame&,
                               std::uint64_t& consumed) {
        consumed = data.size();
        return script.send(line, data);
    };
}

// Every counter and every bucket, by name and labels.
std::map<std::string, double> growing(const std::vector<Metric>& metrics) {
    std::map<std::string, double> values;
    for (const Metric& metric : metrics) {
        for (const Metric::Series& series : metric.series) {
            std::string key = metric.name;
            for (const Metric::Label& label : series.labels) {
                key += "," + label.name + "=" + label.value;
            }
            if (metric.kind == Metric::Kind::counter) {
                values[key] = series.value;
            }
            for (const Metric::Bucket& bucket : series.buckets) {
                values[key + "," + std::to_string(bucket.upper_bound)] = static_cast<double>(
                    bucket.count);
            }
        }
    }
    return values;
}

}  // namespace

TEST_CASE("scripted traffic is counted to the byte, by listener", "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    const std::string plugin = GENERATE("relay#full", "relay#serial", "relay#blocking");
    Script script;
    Script other;
    echo(script);
    echo(other);
    const std::string framing = R"("framing": {"type": "delimiter"})";
    TestServer server(io_of(ports),
                      {{"x", plugin, framing, &script}, {"y", plugin, framing, &other}});
    constexpr int clients = 6;
    const int messages = sanitized || on_windows ? 50 : 300;
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    std::array<std::vector<Peer>, 2> peers;
    peers[0].resize(clients);
    peers[1].resize(clients / 2);
    for (std::size_t which = 0; which < 2; ++which) {
        for (Peer& peer : peers[which]) {
            threads.emplace_back([&, which] {
                bool fine = peer.connect(server.address(which == 0 ? "x" : "y"));
                for (int n = 0; n < messages && fine; ++n) {
                    fine = echoes(peer, std::string(static_cast<std::size_t>(n % 200), 'x') + "\n");
                }
                good += fine ? 1 : 0;
            });
        }
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    REQUIRE(good == clients + clients / 2);
    double bytes = 0;
    for (int n = 0; n < messages; ++n) {
        bytes += n % 200 + 1;
    }
    const auto check = [&](const std::string& listener, double count) {
        const Labels labels{{"listener", listener}};
        check_becomes(server, count * bytes, "portico_received_bytes_total", labels);
        check_becomes(server, count * bytes, "portico_sent_bytes_total", labels);
        check_becomes(server, count * messages, "portico_messages_total", labels);
        check_becomes(server, 0, "portico_send_queue_bytes", labels);
        check_becomes(server, 0, "portico_unsent_bytes_total", labels);
        check_becomes(server, count, "portico_connections_open", labels);
        check_becomes(server, count, "portico_connections_accepted_total", labels);
        CHECK(Counts(server).sum("portico_connections_closed_total", labels) == 0);
        CHECK(Counts(server).sum("portico_connections_refused_total", labels) == 0);
    };
    check("x", clients);
    check("y", clients / 2);
    peers[0].clear();
    check_becomes(server, 0, "portico_connections_open", {{"listener", "x"}});
    check_closed(server, clients, "plugin");
    CHECK(Counts(server).sum("portico_connections_closed_total", {{"listener", "x"}}) == clients);
    CHECK(Counts(server).value("portico_received_bytes_total", {{"listener", "x"}}) ==
          clients * bytes);
}

TEST_CASE("each end is counted by its reason, and errors by callback and status",
          "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        if (data == "fail") {
            return PORTICO_PROTOCOL_ERROR;
        }
        if (data == "too much") {
            consumed = data.size() + 1;
            return PORTICO_OK;
        }
        return script.send(line, data);
    };
    std::atomic<bool> refuses{false};
    script.on_open = [&](Line&) { return refuses ? PORTICO_ERROR : PORTICO_OK; };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer gone = server.connect("x");
    REQUIRE(echoes(gone, "hello"));
    gone.close();
    check_closed(server, 1, "plugin");

    for (const char* last : {"fail", "too much"}) {
        Peer peer = server.connect("x");
        REQUIRE(peer.send_all(last));
        CHECK(is_aborted(peer));
    }
    check_closed(server, 2, "plugin_error");
    check_becomes(server, 1, "portico_callback_errors_total",
                  {{"listener", "x"}, {"callback", "on_data"}, {"status", "protocol_error"}});
    check_becomes(server, 1, "portico_callback_errors_total",
                  {{"listener", "x"}, {"callback", "on_data"}, {"status", "invalid"}});

    refuses = true;
    Peer refused = server.connect("x");
    CHECK(is_aborted(refused));
    check_becomes(server, 1, "portico_connections_refused_total",
                  {{"listener", "x"}, {"reason", "plugin"}});
    check_becomes(server, 1, "portico_callback_errors_total",
                  {{"listener", "x"}, {"callback", "on_open"}, {"status", "error"}});
    check_closed(server, 2, "plugin");  // it was accepted, and the plugin ended it
    check_becomes(server, 0, "portico_connections_open", {{"listener", "x"}});
    const Counts counts(server);
    CHECK(counts.value("portico_connections_accepted_total", {{"listener", "x"}}) == 4);
    CHECK(counts.sum("portico_connections_closed_total", {{"listener", "x"}}) == 4);
    // 5 bytes came back; "fail" and "too much" were taken from the socket only.
    CHECK(counts.value("portico_messages_total", {{"listener", "x"}}) >= 1);
    CHECK(counts.value("portico_received_bytes_total", {{"listener", "x"}}) == 5 + 4 + 8);
    CHECK(counts.value("portico_sent_bytes_total", {{"listener", "x"}}) == 5);
}

TEST_CASE("what waits in a send queue is counted there, and as unsent if it never leaves",
          "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    const bool reads_in_the_end = GENERATE(true, false);
    constexpr std::size_t much = 16U << 20;
    Script script;
    TestServer server(
        io_of(ports),
        {{"x", "relay#full",
          R"("limits": {"send_queue_bytes": 67108864, "max_send_bytes": 67108864})", &script}});
    Peer peer = server.connect("x", 8'192);
    REQUIRE(eventually([&] { return script.opened == 1; }));
    Line& line = *script.line(0);
    const std::string bytes = pattern(0, much);
    REQUIRE(script.send(line, bytes) == PORTICO_OK);
    const Labels labels{{"listener", "x"}};
    // The system takes as much as it can. Then the rest stays, and both numbers agree.
    REQUIRE(eventually([&] {
        const double queued = Counts(server).value("portico_send_queue_bytes", labels);
        return queued > 0 && queued == static_cast<double>(script.queued_bytes(line));
    }));
    if (reads_in_the_end) {
        CHECK(peer.receive_exactly(much) == bytes);
        check_becomes(server, 0, "portico_send_queue_bytes", labels);
        check_becomes(server, much, "portico_sent_bytes_total", labels);
        peer.close();
        check_closed(server, 1, "plugin");
        CHECK(Counts(server).value("portico_unsent_bytes_total", labels) == 0);
    } else {
        REQUIRE(script.close(line, PORTICO_CLOSE_ABORT) == PORTICO_OK);
        REQUIRE(eventually([&] { return script.closed == 1; }));
        check_becomes(server, 0, "portico_send_queue_bytes", labels);
        check_becomes(server, static_cast<double>(line.closed.unsent_bytes),
                      "portico_unsent_bytes_total", labels);
        CHECK(line.closed.unsent_bytes > 0);
        check_becomes(server, static_cast<double>(line.closed.sent_bytes),
                      "portico_sent_bytes_total", labels);
    }
}

TEST_CASE("outbound connections have metrics of their own, by upstream", "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    Script echoing;
    echo(echoing);
    TestServer upstream(io_of(ports), {{"upstream", "relay#full", "", &echoing}});
    const std::string address = io::to_string(upstream.address("upstream"));
    io::Socket taken;  // nobody listens at its port, and nobody else can
    REQUIRE(taken.open_for_connect(io::Address::Family::v4, loopback()));
    Script script;
    Outbound outbound(script);
    TestServer server(io_of(ports),
                      {{"x", "relay#full",
                        R"("upstreams": {"backend": {"address": ")" + address +
                            R"(", "limits": {"connections": 1}}, "down": {)" + R"("address": ")" +
                            io::to_string(taken.local_address()) + R"("}})",
                        &script}});
    const Labels backend{{"listener", "x"}, {"upstream", "backend"}};
    const Labels down{{"listener", "x"}, {"upstream", "down"}};
    const Labels direct{{"listener", "x"}, {"upstream", ""}};
    CHECK(Counts(server).value("portico_outbound_connections_begun_total", backend) == 0);
    CHECK(Counts(server).find("portico_outbound_connections_begun_total", direct) == nullptr);

    Outbound::Line& line = outbound.connected({"backend", "", 0, 0});
    CHECK(outbound.send(line, "hello") == PORTICO_OK);
    REQUIRE(eventually([&] { return line.received == 5; }));
    check_becomes(server, 1, "portico_outbound_connections_open", backend);
    Outbound::Line& too_many = outbound.make();
    CHECK(outbound.connect(too_many, {"backend", "", 0, 0}) == PORTICO_LIMIT);
    check_becomes(server, 1, "portico_outbound_connections_refused_total",
                  {{"upstream", "backend"}, {"reason", "limit"}});
    REQUIRE(outbound.close(line) == PORTICO_OK);
    REQUIRE(eventually([&] { return line.closes == 1; }));
    check_becomes(server, 0, "portico_outbound_connections_open", backend);
    check_becomes(server, 5, "portico_outbound_received_bytes_total", backend);
    check_becomes(server, 5, "portico_outbound_sent_bytes_total", backend);
    check_becomes(server, 1, "portico_outbound_connections_closed_total",
                  {{"upstream", "backend"}, {"reason", "plugin"}});

    Outbound::Line& failing = outbound.make();
    REQUIRE(outbound.connect(failing, {"down", "", 0, 0}) == PORTICO_OK);
    REQUIRE(eventually([&] { return failing.closes == 1; }));
    check_becomes(server, 1, "portico_outbound_connections_begun_total", down);
    check_becomes(server, 1, "portico_outbound_connections_closed_total",
                  {{"upstream", "down"}, {"reason", "connect_failed"}});

    Outbound::Line& own = outbound.connected({"", address, 0, 0});
    CHECK(outbound.send(own, "seven..") == PORTICO_OK);
    REQUIRE(eventually([&] { return own.received == 7; }));
    check_becomes(server, 7, "portico_outbound_sent_bytes_total", direct);
    REQUIRE(outbound.close(own) == PORTICO_OK);
    REQUIRE(eventually([&] { return own.closes == 1; }));
    check_becomes(server, 0, "portico_outbound_connections_open", direct);

    const Counts counts(server);  // none of it was accepted
    CHECK(counts.value("portico_connections_accepted_total", {{"listener", "x"}}) == 0);
    CHECK(counts.value("portico_received_bytes_total", {{"listener", "x"}}) == 0);
}

TEST_CASE("no counter goes back while connections come, talk, break and end", "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    Script script;
    echo(script);
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    std::atomic<bool> is_over{false};
    std::string went_back;
    std::uint64_t reads = 0;
    std::thread reader([&] {
        std::map<std::string, double> last;
        while (!is_over) {
            const std::map<std::string, double> now = growing(server.server.metrics());
            for (const auto& [key, value] : last) {
                const auto found = now.find(key);
                if (found == now.end() || found->second < value) {
                    went_back = key;
                }
            }
            last = now;
            ++reads;
        }
    });
    const int rounds = sanitized || on_windows ? 20 : 100;
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            bool fine = true;
            for (int round = 0; round < rounds && fine; ++round) {
                Peer peer;
                fine = peer.connect(server.address("x"));
                for (int n = 0; n < 20 && fine; ++n) {
                    fine = echoes(peer, "message");
                }
                if ((i + round) % 2 == 0) {
                    peer.abort();
                }
            }
            good += fine ? 1 : 0;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(server.comes_to_rest());
    is_over = true;
    reader.join();
    REQUIRE(good == 4);
    CHECK(went_back == "");
    CHECK(reads > 1);
    const Labels labels{{"listener", "x"}};
    const Counts counts(server);
    CHECK(counts.value("portico_connections_accepted_total", labels) == 4 * rounds);
    CHECK(counts.sum("portico_connections_closed_total", labels) == 4 * rounds);
    CHECK(counts.value("portico_received_bytes_total", labels) == 4 * rounds * 20 * 7);
    CHECK(counts.value("portico_sent_bytes_total", labels) == 4 * rounds * 20 * 7);
    // Some of so many callbacks were timed.
    const Metric::Series* seconds = counts.find("portico_callback_seconds",
                                                {{"listener", "x"}, {"callback", "on_data"}});
    REQUIRE((seconds != nullptr || rounds * 80 < 2'000));
    if (seconds != nullptr) {
        CHECK(seconds->count > 0);
        CHECK(seconds->count < 4U * static_cast<unsigned>(rounds) * 20 / 16);
        CHECK(seconds->sum > 0);
        CHECK(seconds->buckets.back().count == seconds->count);
    }
}

TEST_CASE("a worker in a callback that computes is busy, and one that waits is not",
          "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<bool> is_over{false};
    script.on_data = [&](Line&, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        while (!is_over) {
        }
        consumed = data.size();
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    const auto most_busy = [&] {
        double most = 0;
        double seconds = 0;
        const Counts counts(server);
        for (const Metric& metric : counts.all()) {
            for (const Metric::Series& series : metric.series) {
                if (metric.name == "portico_worker_busy_ratio") {
                    most = std::max(most, series.value);
                    CHECK(series.value >= 0);
                    CHECK(series.value <= 1);
                } else if (metric.name == "portico_worker_cpu_seconds_total") {
                    seconds = std::max(seconds, series.value);
                }
            }
        }
        return std::pair(most, seconds);
    };
    REQUIRE(peer.send_all("work"));
    // Others may want the processors as well, so a little is enough. One that waits uses none.
    constexpr double a_little = 0.005;
    CHECK(eventually([&] {
        const auto [most, seconds] = most_busy();
        return most > a_little && seconds > 0.05;
    }));
    is_over = true;
    CHECK(eventually([&] { return most_busy().first < a_little; }));
}

TEST_CASE("callbacks that take too long are counted while they run, whatever was timed before",
          "[host_metrics]") {
    const std::string ports = ANY_PORTS();
    Script script;
    Script blocking;
    std::atomic<bool> may_return{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        while (data == "wait" && !may_return) {
            std::this_thread::yield();
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", R"("watchdog_ms": 50)", &script},
                                     {"y", "echo", R"("watchdog_ms": 0)"},
                                     {"z", "relay#blocking", "", &blocking}});
    const std::string name = "portico_stuck_callbacks_total";
    const Labels labels{{"listener", "x"}, {"callback", "on_data"}};
    CHECK(Counts(server).find(name, {{"listener", "x"}, {"callback", "timer"}}) != nullptr);
    CHECK(Counts(server).find(name, {{"listener", "y"}}) == nullptr);
    CHECK(Counts(server).find(name, {{"listener", "z"}}) == nullptr);
    Peer peer = server.connect("x");
    for (int round = 0; round < 6; ++round) {
        for (int n = 0; n < 100; ++n) {  // of these one, or none, or two are timed
            REQUIRE(echoes(peer, "message"));
        }
        const double before = Counts(server).value(name, labels);
        may_return = false;
        REQUIRE(peer.send_all("wait"));
        CHECK(eventually([&] { return Counts(server).value(name, labels) > before; }));
        may_return = true;
        CHECK(peer.receive_exactly(4) == "wait");
    }
    CHECK(Counts(server).sum(name, {{"callback", "timer"}}) == 0);
}

TEST_CASE("names, labels and helps keep Prometheus' rules", "[host_metrics]") {
    TestServer server(io_of("per_core"), {{"x", "echo", ""}, {"y", "metrics", ""}});
    Peer peer = server.connect("x");
    REQUIRE(echoes(peer, "hello"));
    const Counts counts(server);
    const std::set<std::string> allowed{"listener", "plugin",   "reason",  "callback", "status",
                                        "worker",   "upstream", "version", "abi",      "system"};
    std::set<std::string> names;
    std::string before;
    bool are_of_plugins = false;
    for (const Metric& metric : counts.all()) {
        INFO(metric.name);
        CHECK(names.insert(metric.name).second);
        CHECK(std::all_of(metric.name.begin(), metric.name.end(), [](char c) {
            return std::islower(static_cast<unsigned char>(c)) != 0 || c == '_';
        }));
        if (metric.name.starts_with("portico_plugin_")) {
            before = are_of_plugins ? before : "";
            are_of_plugins = true;
        } else {
            CHECK_FALSE(are_of_plugins);  // the host's own come first
            for (const Metric::Series& series : metric.series) {
                for (const Metric::Label& label : series.labels) {
                    CHECK(allowed.count(label.name) == 1);
                }
            }
        }
        CHECK(before < metric.name);
        before = metric.name;
        CHECK(metric.help.ends_with("."));
        CHECK(metric.name.ends_with("_total") == (metric.kind == Metric::Kind::counter));
        CHECK_FALSE(metric.series.empty());
    }
    for (const char* name : {"portico_build_info",
                             "portico_callback_errors_total",
                             "portico_completions_total",
                             "portico_connections_accepted_total",
                             "portico_connections_closed_total",
                             "portico_connections_open",
                             "portico_connections_refused_total",
                             "portico_messages_total",
                             "portico_port_waits_total",
                             "portico_received_bytes_total",
                             "portico_send_queue_bytes",
                             "portico_sent_bytes_total",
                             "portico_stuck_callbacks_total",
                             "portico_unsent_bytes_total",
                             "portico_worker_busy_ratio",
                             "process_cpu_seconds_total",
                             "process_max_fds",
                             "process_open_fds",
                             "process_resident_memory_bytes",
                             "process_start_time_seconds",
                             "process_virtual_memory_bytes"}) {
        INFO(name);
        CHECK(names.count(name) + (std::string(name) == "portico_callback_errors_total") == 1);
    }
    CHECK(counts.value("portico_build_info", {{"version", Server::version()}}) == 1);
    CHECK(counts.value("portico_port_waits_total") > 0);
    CHECK(counts.value("portico_completions_total") > 0);
    // (Wine counts no handles.)
    CHECK(counts.value("process_open_fds") >= (is_wine() ? 0 : 4));
    static_cast<void>(server.stop());
    CHECK(server.server.metrics().empty());
}
