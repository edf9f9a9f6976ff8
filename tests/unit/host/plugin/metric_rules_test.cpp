// The rules for a plugin's definition of a metric: each broken one is named.
#include "plugin/metric_rules.hpp"

#include <cmath>
#include <limits>

#include "support/catch.hpp"

using namespace portico;

namespace {

struct Definition {
    explicit Definition(std::uint32_t kind, std::string the_name, std::string the_help = "")
        : name(std::move(the_name)), help(std::move(the_help)) {
        given.struct_size = sizeof given;
        given.kind = kind;
        given.name = name.data();
        given.name_size = name.size();
        given.help = help.data();
        given.help_size = help.size();
    }
    Definition(const Definition&) = delete;
    Definition& operator=(const Definition&) = delete;

    void set_labels(const std::vector<std::string>& names) {
        label_names = names;
        for (const std::string& label : label_names) {
            labels.push_back({label.data(), label.size()});
        }
        given.labels = labels.data();
        given.label_count = static_cast<std::uint32_t>(labels.size());
        given.label_stride = sizeof labels[0];
    }
    void set_bounds(const std::vector<double>& values) {
        bounds = values;
        given.bounds = bounds.data();
        given.bound_count = static_cast<std::uint32_t>(bounds.size());
    }
    [[nodiscard]] std::string mistake() const { return plugin::read_definition(given).error(); }

    std::string name;
    std::string help;
    std::vector<std::string> label_names;
    std::vector<portico_part> labels;
    std::vector<double> bounds;
    portico_metric_definition given{};
};

std::string mistake_of(std::uint32_t kind, const std::string& name, const std::string& help = "") {
    return Definition(kind, name, help).mistake();
}

std::string mistake_of_labels(const std::vector<std::string>& names) {
    Definition definition(PORTICO_METRIC_GAUGE, "g");
    definition.set_labels(names);
    return definition.mistake();
}

std::string mistake_of_bounds(const std::vector<double>& bounds,
                              std::uint32_t kind = PORTICO_METRIC_HISTOGRAM) {
    Definition definition(kind, "h");
    definition.set_bounds(bounds);
    return definition.mistake();
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.ends_with(end);
}

}  // namespace

TEST_CASE("a definition is taken over as it is", "[metric_rules]") {
    Definition definition(PORTICO_METRIC_HISTOGRAM, "request_bytes", "Sizes, in bytes.");
    definition.set_labels({"method", "_x9"});
    definition.set_bounds({-1, 0.5, 10});
    base::Result<plugin::MetricDefinition> read = plugin::read_definition(definition.given);
    REQUIRE(static_cast<bool>(read));
    CHECK(read->kind == plugin::MetricDefinition::Kind::histogram);
    CHECK(read->name == "request_bytes");
    CHECK(read->help == "Sizes, in bytes.");
    CHECK(read->labels == std::vector<std::string>{"method", "_x9"});
    CHECK(read->bounds == std::vector<double>{-1, 0.5, 10});
    CHECK(mistake_of(PORTICO_METRIC_COUNTER, "a_total").empty());
    CHECK(mistake_of(PORTICO_METRIC_GAUGE, std::string(128, 'x')).empty());
}

TEST_CASE("a name is as Prometheus writes names", "[metric_rules]") {
    const std::string rule =
        "a name has 1 to 128 letters, digits and '_', and begins with no digit";
    for (const std::string& name :
         {std::string(), std::string("9a"), std::string("a-b"), std::string("a:b"),
          std::string("\xC3\xA4"), std::string(129, 'x'), std::string(1'000'000, 'x')}) {
        CHECK(ends_with(mistake_of(PORTICO_METRIC_GAUGE, name), rule));
    }
    CHECK(mistake_of(PORTICO_METRIC_COUNTER, "messages") ==
          "metric \"messages\": a counter's name ends with \"_total\"");
    CHECK(mistake_of(0, "a") == "metric \"a\": the kind is none");
    CHECK(mistake_of(4, "a") == "metric \"a\": the kind is none");
}

TEST_CASE("a metric is exported under its plugin's name", "[metric_rules]") {
    CHECK(plugin::exported_name("echo", "messages_total") == "portico_plugin_echo_messages_total");
    CHECK(plugin::exported_name("Redis-like.2", "a") == "portico_plugin_Redis_like_2_a");
}

TEST_CASE("help is one line of UTF-8", "[metric_rules]") {
    const std::string rule = "help is one line of at most 1,024 bytes, in UTF-8";
    CHECK(mistake_of(PORTICO_METRIC_GAUGE, "a", std::string(1'024, 'x')).empty());
    CHECK(ends_with(mistake_of(PORTICO_METRIC_GAUGE, "a", std::string(1'025, 'x')), rule));
    CHECK(ends_with(mistake_of(PORTICO_METRIC_GAUGE, "a", "one\ntwo"), rule));
    CHECK(ends_with(mistake_of(PORTICO_METRIC_GAUGE, "a", "\xFF"), rule));
}

TEST_CASE("labels have names of their own", "[metric_rules]") {
    CHECK(mistake_of_labels({"a", "b", "c", "d", "e", "f", "g", "h"}).empty());
    CHECK_FALSE(mistake_of_labels({"a", "b", "c", "d", "e", "f", "g", "h", "i"}).empty());
    CHECK(ends_with(mistake_of_labels({"a", "b", "a"}), "a label is there twice"));
    CHECK(ends_with(mistake_of_labels({"__a"}), "begins with no digit and not with \"__\""));
    CHECK(ends_with(mistake_of_labels({""}), "begins with no digit and not with \"__\""));
    for (const char* reserved : {"listener", "plugin", "le"}) {
        CHECK(ends_with(mistake_of_labels({reserved}), "are the host's"));
    }
}

TEST_CASE("bounds ascend, and only a histogram has them", "[metric_rules]") {
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(mistake_of_bounds({1}).empty());
    CHECK(mistake_of_bounds(std::vector<double>()) ==
          "metric \"h\": a histogram has 1 to 64 bounds");
    CHECK(ends_with(mistake_of_bounds(std::vector<double>(65, 1)), "1 to 64 bounds"));
    CHECK(ends_with(mistake_of_bounds({1, 1}), "the bounds are finite and ascend"));
    CHECK(ends_with(mistake_of_bounds({2, 1}), "the bounds are finite and ascend"));
    CHECK(ends_with(mistake_of_bounds({1, infinity}), "the bounds are finite and ascend"));
    CHECK(ends_with(mistake_of_bounds({std::nan("")}), "the bounds are finite and ascend"));
    CHECK(ends_with(mistake_of_bounds({1}, PORTICO_METRIC_GAUGE), "only a histogram has bounds"));
}

TEST_CASE("a definition that is not filled in is refused", "[metric_rules]") {
    Definition definition(PORTICO_METRIC_GAUGE, "g");
    const auto refused = [&] {
        return definition.mistake().find("not filled in") != std::string::npos;
    };
    CHECK_FALSE(refused());
    definition.given.struct_size -= 8;
    CHECK(refused());
    definition.given.struct_size += 16;  // of a newer version
    CHECK_FALSE(refused());
    definition.given.name = nullptr;
    CHECK(refused());
    definition.given.name = "g";
    definition.given.help = nullptr;
    CHECK_FALSE(refused());
    definition.given.help_size = 1;
    CHECK(refused());
    definition.given.help_size = 0;
    definition.given.label_count = 1;
    CHECK(refused());
    const portico_part label{nullptr, 1};
    definition.given.labels = &label;
    definition.given.label_stride = 8;
    CHECK(refused());
    definition.given.label_stride = sizeof label;
    CHECK(refused());
}
