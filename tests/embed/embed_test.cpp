// The C API in this process: answers, errors, structures of other versions, ports, counts, the log
// and the stop. Foreign programs that use the installed library are in run.sh.
#include "portico/embed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/address.hpp"
#include "portico/ext/metrics.h"
#include "portico/plugin.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"

using portico::test::Peer;

namespace {

// Answers each message with itself, counts, and keeps a connection that says "stay" at a drain.
struct mirror : portico::plugin<mirror> {
    explicit mirror(const portico::setup& setup)
        : metrics(static_cast<const portico_metrics*>(setup.raw().host->get_extension(
              setup.raw().instance, PORTICO_EXT_METRICS, sizeof PORTICO_EXT_METRICS - 1))) {
        static const double bounds[2] = {4, 16};
        counter = series_of(setup, PORTICO_METRIC_COUNTER, "messages_total", nullptr, 0);
        sizes = series_of(setup, PORTICO_METRIC_HISTOGRAM, "sizes", bounds, 2);
    }
    portico_series series_of(const portico::setup& setup, std::uint32_t kind, const char* name,
                             const double* bounds, std::uint32_t bound_count) const {
        portico_metric_definition definition{};
        definition.struct_size = sizeof definition;
        definition.kind = kind;
        definition.name = name;
        definition.name_size = std::strlen(name);
        definition.help = "of the test";
        definition.help_size = 11;
        definition.bounds = bounds;
        definition.bound_count = bound_count;
        portico_metric metric = 0;
        portico_series series = 0;
        (void)metrics->define(setup.raw().instance, &definition, &metric);
        (void)metrics->get_series(setup.raw().instance, metric, nullptr, 0, 0, &series);
        return series;
    }
    portico::flow on_data(portico::connection c, portico::message m) {
        (void)metrics->add(instance().raw(), counter, 1);
        (void)metrics->record(instance().raw(), sizes, static_cast<double>(m.payload().size()));
        return c.send_all(m);
    }
    void on_drain(portico::connection, const portico::draining&) {}  // it waits for the deadline

    const portico_metrics* metrics;
    portico_series counter = 0;
    portico_series sizes = 0;
};

}  // namespace
PORTICO_PLUGIN_AS(mirror_query, mirror, "mirror", "1.0")

namespace {

struct Lines {
    std::mutex mutex;
    std::vector<std::string> texts;

    static void PORTICO_CALL take(void* argument, const portico_log_line* line) {
        auto& own = *static_cast<Lines*>(argument);
        const std::scoped_lock lock(own.mutex);
        own.texts.push_back(std::string(line->listener) + "|" +
                            std::string(line->text, line->text_size));
    }
    [[nodiscard]] bool has(const std::string& text) {
        const std::scoped_lock lock(mutex);
        for (const std::string& one : texts) {
            if (one == text) {
                return true;
            }
        }
        return false;
    }
};

portico_server_options options_with(Lines& lines) {
    portico_server_options options{};
    options.struct_size = sizeof options;
    options.embed_major = PORTICO_EMBED_MAJOR;
    options.embed_minor = PORTICO_EMBED_MINOR;
    options.log = Lines::take;
    options.log_argument = &lines;
    return options;
}

constexpr const char* configuration = R"({
  "io": { "threads": 2 }, "shutdown": { "drain_ms": 60000 },
  "listeners": [
    { "name": "first", "listen": "127.0.0.1:0", "plugin": "mirror",
      "framing": { "type": "delimiter" } },
    { "name": "second", "listen": ["127.0.0.1:0", "127.0.0.1:0"], "plugin": "mirror#mirror" } ] })";

// A server with the plugin and the configuration above.
class Made {
public:
    Made() {
        const portico_server_options options = options_with(lines);
        REQUIRE(portico_server_create(&options, &server_) == PORTICO_OK);
        REQUIRE(portico_server_register(server_, "mirror", PORTICO_TERMINATED,
                                        mirror_query(PORTICO_ABI_MAJOR)) == PORTICO_OK);
        REQUIRE(configure(configuration) == PORTICO_OK);
    }
    ~Made() { portico_server_destroy(server_); }
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;

    operator portico_server*() const { return server_; }
    [[nodiscard]] portico_status configure(const std::string& text) const {
        return portico_server_configure_text(server_, text.data(), text.size(), nullptr, 0);
    }
    [[nodiscard]] std::string errors() const { return portico_server_errors(server_); }
    [[nodiscard]] Peer connect(const char* listener) const {
        portico::io::Address address;
        address.family = portico::io::Address::Family::v4;
        address.bytes = {127, 0, 0, 1};
        address.port = static_cast<std::uint16_t>(
            portico_server_port(server_, listener, PORTICO_TERMINATED));
        Peer peer;
        REQUIRE(peer.connect(address));
        return peer;
    }

    Lines lines;

private:
    portico_server* server_ = nullptr;
};

bool echoes(Peer& peer, const std::string& text) {
    return peer.send_all(text) && peer.receive_exactly(text.size()) == text;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a server of another version is refused", "[embed]") {
    Lines lines;
    portico_server* server = nullptr;
    portico_server_options options = options_with(lines);
    CHECK(portico_server_create(nullptr, &server) == PORTICO_INVALID);
    CHECK(portico_server_create(&options, nullptr) == PORTICO_INVALID);
    options.embed_minor = PORTICO_EMBED_MINOR + 1;
    CHECK(portico_server_create(&options, &server) == PORTICO_UNSUPPORTED);
    options = options_with(lines);
    options.embed_major = PORTICO_EMBED_MAJOR + 1;
    CHECK(portico_server_create(&options, &server) == PORTICO_UNSUPPORTED);
    options = options_with(lines);
    options.struct_size -= 8;
    CHECK(portico_server_create(&options, &server) == PORTICO_INVALID);
    options = options_with(lines);
    options.reserved = 1;
    CHECK(portico_server_create(&options, &server) == PORTICO_INVALID);
    CHECK(server == nullptr);
    portico_server_destroy(nullptr);
    CHECK(std::string(portico_server_errors(nullptr)).empty());
    CHECK(std::string(portico_embed_version()).find('.') != std::string::npos);
}

TEST_CASE("mistakes in a configuration are all named, with their places", "[embed]") {
    const Made server;
    CHECK(server.configure("{ \"listeners\": [\n{ \"listen\": \"127.0.0.1:0\", \"plugin\": 7 },\n"
                           "{ \"listen\": \"nowhere\", \"plugin\": \"mirror\" } ] }") ==
          PORTICO_ERROR);
    const std::string errors = server.errors();
    CHECK(has(errors, "configuration:2: listeners[0].plugin: "));
    CHECK(has(errors, "\n"));
    CHECK(has(errors, "configuration:3: listeners[1].listen: "));
    // it is without a configuration now
    CHECK(portico_server_start(server) == PORTICO_ERROR);
    CHECK(has(server.errors(), "no configuration"));
    CHECK(portico_server_configure_file(server, "no such file", PORTICO_TERMINATED) ==
          PORTICO_ERROR);
    CHECK(has(server.errors(), "no such file: not found"));
    CHECK(portico_server_configure_file(server, nullptr, 0) == PORTICO_INVALID);
    CHECK(portico_server_configure_text(server, nullptr, 0, nullptr, 0) == PORTICO_INVALID);
    CHECK(server.configure(configuration) == PORTICO_OK);
    CHECK(server.errors().empty());
}

TEST_CASE("a plugin is registered once, under a name that a configuration can name", "[embed]") {
    const Made server;
    const portico_module* const module = mirror_query(PORTICO_ABI_MAJOR);
    CHECK(portico_server_register(server, "mirror", 6, module) == PORTICO_ERROR);
    CHECK(has(server.errors(), "already registered as \"mirror\""));
    CHECK(portico_server_register(server, "a/b", 3, module) == PORTICO_ERROR);
    CHECK(has(server.errors(), "\"a/b\" cannot name a plugin"));
    CHECK(portico_server_register(server, "other", 5, nullptr) == PORTICO_INVALID);
    CHECK(portico_server_register(server, nullptr, 0, module) == PORTICO_INVALID);
    CHECK(portico_server_register(nullptr, "other", 5, module) == PORTICO_INVALID);

    portico_module damaged = *module;
    damaged.plugin_count = 0;
    REQUIRE(portico_server_register(server, "damaged", 7, &damaged) == PORTICO_OK);
    REQUIRE(server.configure(R"({ "listeners": [ { "listen": "127.0.0.1:0",
                                                   "plugin": "damaged" } ] })") == PORTICO_OK);
    CHECK(portico_server_check(server, 0) == PORTICO_ERROR);
    CHECK(has(server.errors(), "(linked into the program): its module table is damaged"));
}

TEST_CASE("a server serves, counts by listener, and starts again", "[embed]") {
    Made server;
    CHECK(portico_server_check(server, 1) == PORTICO_OK);
    for (int round = 0; round < 2; ++round) {
        REQUIRE(portico_server_start(server) == PORTICO_OK);
        CHECK(portico_server_start(server) == PORTICO_INVALID);
        CHECK(server.configure(configuration) == PORTICO_INVALID);
        CHECK(has(server.errors(), "the server runs"));
        {
            Peer peer = server.connect("first");
            CHECK(echoes(peer, "abc\n"));
            CHECK(echoes(peer, "more than four\n"));
        }
        portico_server_drain(server, 0);
        portico_stopped stopped{};
        stopped.struct_size = sizeof stopped;
        CHECK(portico_server_wait(server, &stopped) == PORTICO_OK);
        CHECK(stopped.stuck == 0);
        CHECK(portico_server_port(server, "first", 5) == 0);
        CHECK(portico_server_wait(server, nullptr) == PORTICO_INVALID);
    }
    CHECK(server.lines.has("|ready"));
    CHECK(server.lines.has("|stopped"));
    CHECK(server.lines.has("first|plugin mirror 1.0 (linked into the program)"));
}

TEST_CASE("the endpoints are those that were bound", "[embed]") {
    const Made server;
    portico_endpoint endpoint{};
    endpoint.struct_size = sizeof endpoint;
    CHECK(portico_server_get_endpoint(server, 0, &endpoint) == PORTICO_NOT_FOUND);
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    std::vector<std::string> found;
    for (std::uint32_t i = 0; portico_server_get_endpoint(server, i, &endpoint) == PORTICO_OK;
         ++i) {
        CHECK(endpoint.port != 0);
        CHECK(std::string(endpoint.address, endpoint.address_size) ==
              "127.0.0.1:" + std::to_string(endpoint.port));
        found.push_back(std::string(endpoint.listener) + std::to_string(endpoint.listen_index));
    }
    CHECK(found == std::vector<std::string>{"first0", "second0", "second1"});
    CHECK(portico_server_port(server, "third", PORTICO_TERMINATED) == 0);
    CHECK(portico_server_get_endpoint(server, 0, nullptr) == PORTICO_INVALID);
    endpoint.struct_size = 4;
    CHECK(portico_server_get_endpoint(server, 0, &endpoint) == PORTICO_INVALID);
}

TEST_CASE("a structure of an older or newer program is filled in as far as both know it",
          "[embed]") {
    const Made server;
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    struct {
        portico_endpoint known;
        std::uint64_t newer;
    } larger{};
    std::memset(&larger, 0xff, sizeof larger);
    larger.known.struct_size = sizeof larger;
    REQUIRE(portico_server_get_endpoint(server, 0, &larger.known) == PORTICO_OK);
    CHECK(larger.known.struct_size == sizeof larger);
    CHECK(larger.newer == 0);
    portico_endpoint smaller{};
    smaller.struct_size = 16;
    smaller.address_size = 77;
    REQUIRE(portico_server_get_endpoint(server, 0, &smaller) == PORTICO_OK);
    CHECK(smaller.port != 0);
    CHECK(smaller.listener == nullptr);
    CHECK(smaller.address_size == 77);
}

TEST_CASE("a snapshot has the counts of the server and of each listener", "[embed]") {
    const Made server;
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    Peer one = server.connect("first");
    Peer two = server.connect("second");
    REQUIRE(echoes(one, "abc\n"));
    REQUIRE(echoes(two, "x"));
    portico_snapshot* snapshot = nullptr;
    CHECK(portico_server_snapshot(nullptr, &snapshot) == PORTICO_INVALID);
    CHECK(portico_server_snapshot(server, nullptr) == PORTICO_INVALID);
    REQUIRE(portico_server_snapshot(server, &snapshot) == PORTICO_OK);

    portico_totals totals{};
    totals.struct_size = sizeof totals;
    REQUIRE(portico_snapshot_totals(snapshot, &totals) == PORTICO_OK);
    CHECK(totals.connections_accepted == 2);
    CHECK(totals.connections_open == 2);
    CHECK(totals.worker_threads == 2);
    CHECK(totals.waits > 0);
    CHECK(totals.backend_size == std::strlen(totals.backend));
    portico_listener_counts listener{};
    listener.struct_size = sizeof listener;
    REQUIRE(portico_snapshot_listener(snapshot, 1, &listener) == PORTICO_OK);
    CHECK(std::string(listener.listener) == "second");
    CHECK(std::string(listener.plugin) == "mirror#mirror");
    CHECK(listener.connections_accepted == 1);
    CHECK(listener.connections_open == 1);
    CHECK(portico_snapshot_listener(snapshot, 2, &listener) == PORTICO_NOT_FOUND);
    CHECK(portico_snapshot_totals(nullptr, &totals) == PORTICO_INVALID);
    CHECK(portico_snapshot_listener(snapshot, 0, nullptr) == PORTICO_INVALID);
    portico_snapshot_free(snapshot);
    portico_snapshot_free(nullptr);

    portico_server_stop(server);
    CHECK(portico_server_wait(server, nullptr) == PORTICO_OK);
    REQUIRE(portico_server_snapshot(server, &snapshot) == PORTICO_OK);
    CHECK(portico_snapshot_listener(snapshot, 0, &listener) == PORTICO_NOT_FOUND);
    portico_snapshot_free(snapshot);
}

TEST_CASE("a snapshot has each series of the plugins' metrics", "[embed]") {
    auto server = std::make_unique<Made>();
    REQUIRE(portico_server_start(*server) == PORTICO_OK);
    Peer one = server->connect("first");
    REQUIRE(echoes(one, "abc\n"));
    REQUIRE(echoes(one, "more than four\n"));
    portico_snapshot* snapshot = nullptr;
    REQUIRE(portico_server_snapshot(*server, &snapshot) == PORTICO_OK);
    portico_server_drain(*server, 0);
    server.reset();  // the snapshot stays

    std::vector<std::string> of_host;
    std::vector<std::string> names;
    portico_series_counts series{};
    series.struct_size = sizeof series;
    for (std::uint32_t i = 0; portico_snapshot_series(snapshot, i, &series) == PORTICO_OK; ++i) {
        if (!std::string_view(series.name).starts_with("portico_plugin_")) {
            CHECK(names.empty());  // the host's own come first
            of_host.push_back(std::string(series.listener) + " " + series.name);
            continue;
        }
        names.push_back(std::string(series.listener) + " " + series.name);
        REQUIRE(series.label_count == 2);
        CHECK(std::string(series.labels[0].name) == "listener");
        CHECK(std::string(series.labels[1].value) == "mirror");
        CHECK(std::string(series.help) == "of the test");
        if (names.back() == "first portico_plugin_mirror_messages_total") {
            CHECK(series.kind == PORTICO_METRIC_COUNTER);
            CHECK(series.value == 2);
            CHECK(series.buckets == nullptr);
        } else if (names.back() == "first portico_plugin_mirror_sizes") {
            CHECK(series.kind == PORTICO_METRIC_HISTOGRAM);
            CHECK(series.count == 2);
            CHECK(series.sum == 17);
            REQUIRE(series.bucket_count == 3);
            CHECK(series.buckets[0].count == 1);
            CHECK(series.buckets[1].count == 2);
            CHECK(std::isinf(series.buckets[2].upper_bound));
        }
    }
    CHECK(names == std::vector<std::string>{"first portico_plugin_mirror_messages_total",
                                            "second portico_plugin_mirror_messages_total",
                                            "first portico_plugin_mirror_sizes",
                                            "second portico_plugin_mirror_sizes"});
    for (const char* name : {" portico_build_info", "first portico_messages_total",
                             "second portico_connections_open", " process_cpu_seconds_total"}) {
        CHECK(std::find(of_host.begin(), of_host.end(), name) != of_host.end());
    }
    CHECK(portico_snapshot_series(snapshot, 0, nullptr) == PORTICO_INVALID);
    portico_snapshot_free(snapshot);
}

TEST_CASE("a stop may cut short a drain that another thread has begun", "[embed]") {
    Made server;
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    Peer peer = server.connect("first");
    REQUIRE(echoes(peer, "abc\n"));
    portico_server_drain(server, UINT32_MAX);  // a minute, as configured
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        portico_server_stop(server);
    });
    portico_stopped stopped{};
    stopped.struct_size = sizeof stopped;
    CHECK(portico_server_wait(server, &stopped) == PORTICO_OK);
    other.join();
    CHECK(stopped.connections_cut == 1);
    stopped.struct_size = 7;
    CHECK(portico_server_wait(server, &stopped) == PORTICO_INVALID);
}

TEST_CASE("a server that runs may be destroyed", "[embed]") {
    auto server = std::make_unique<Made>();
    REQUIRE(portico_server_start(*server) == PORTICO_OK);
    portico_server_drain(*server, 0);
    portico_server_reopen_log(*server);
    server.reset();
}

TEST_CASE("a stop that comes before the start holds for it", "[embed]") {
    const Made server;
    portico_server_stop(server);
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    CHECK(portico_server_wait(server, nullptr) == PORTICO_OK);
    // and for no other one
    REQUIRE(portico_server_start(server) == PORTICO_OK);
    Peer peer = server.connect("first");
    CHECK(echoes(peer, "abc\n"));
    portico_server_drain(server, 0);
}
