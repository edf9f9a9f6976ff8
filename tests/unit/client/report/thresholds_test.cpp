// The values that --fail-if accepts, and their effect on a run.
#include <set>
#include <string>

#include "report/thresholds.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

bool is_met(const std::string& text, const Totals& totals) {
    static const LoadPlan plan;
    auto threshold = parse_threshold(text);
    REQUIRE(threshold);
    return threshold->is_met({plan, totals});
}

void refused(const std::string& text, const std::string& why) {
    CAPTURE(text);
    const auto threshold = parse_threshold(text);
    REQUIRE_FALSE(threshold);
    CHECK(threshold.error().find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("a threshold compares a figure with a number", "[client][thresholds]") {
    Totals totals;
    totals.lost = 3;
    totals.first_send_ns = 1'000'000'000;
    totals.last_reply_ns = 3'500'000'000;
    totals.received = 10;
    for (int i = 0; i < 100; ++i) {
        totals.latency_ns.record(5'000'000);
    }
    CHECK(is_met("lost>2", totals));
    CHECK_FALSE(is_met("lost>3", totals));
    CHECK(is_met("lost >= 3", totals));
    CHECK_FALSE(is_met("lost<3", totals));
    CHECK(is_met(" lost<=3 ", totals));
    CHECK(is_met("lost==3", totals));
    CHECK(is_met("lost!=4", totals));
    CHECK(is_met("messages_per_second<4.5", totals));
    CHECK_FALSE(is_met("messages_per_second<4", totals));
    CHECK(is_met("seconds>2.4", totals));
    CHECK(is_met("seconds>2400ms", totals));
    CHECK_FALSE(is_met("seconds>2600 ms", totals));
    CHECK(is_met("p99>4ms", totals));
    CHECK(is_met("p99.9 > 4000us", totals));
    CHECK_FALSE(is_met("max>5ms", totals));
    CHECK(is_met("latency_p99_us>4000", totals));
    CHECK(is_met("latency_p99_us>4ms", totals));
    CHECK_FALSE(is_met("mean>0.006s", totals));
    CHECK(is_met("p50>=4900000ns", totals));
}

TEST_CASE("a threshold that means nothing is refused with what is wrong", "[client][thresholds]") {
    refused("", "compares nothing");
    refused("p99", "compares nothing");
    refused("p99=5ms", "not one of >");
    refused("p98>5ms", "\"p90\"");
    refused("lots>0", "nearest is \"lost\"");
    refused("latency_p99>5ms", "\"latency_p99_us\"");
    refused("p99>5", "ns, us, ms or s");
    refused("p99>ms", "not a time");
    refused("p99>5m", "not a time");
    refused("p99>-5ms", "not a time");
    refused("lost>", "not a number");
    refused("lost>1us", "not a number");
    refused("lost>1.2.3", "not a number");
    refused(">5", "not a figure");
}

TEST_CASE("every figure has a name of its own, by which it is found", "[client][figures]") {
    std::set<std::string> names;
    for (const Figure& figure : figures()) {
        CAPTURE(figure.name);
        CHECK(names.insert(figure.name).second);
        CHECK(figure_named(figure.name) == &figure);
        CHECK(std::string(figure.name).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
              std::string::npos);
        CHECK(figure.value({LoadPlan{}, Totals{}}) == 0);
    }
    CHECK(figure_named("p99.99") == figure_named("latency_p9999_us"));
    CHECK(figure_named("p98") == nullptr);
}
