// Counts and latencies over time, in slots that become fewer and longer.
#include <vector>

#include "measure/time_series.hpp"
#include "support/catch.hpp"

using namespace portico;
using client::TimeSeries;

namespace {

constexpr std::uint64_t began = 1'000'000'000'000;
constexpr std::uint64_t slot = TimeSeries::first_slot_ns;

std::uint64_t received(const TimeSeries& series) {
    std::uint64_t sum = 0;
    for (const TimeSeries::Slot& each : series.slots()) {
        sum += each.received;
    }
    return sum;
}

}  // namespace

TEST_CASE("a series that has not begun keeps nothing", "[client][series]") {
    TimeSeries series;
    series.reply(began, 1);
    series.bytes(began, 1);
    series.failure(began);
    CHECK(series.slots().empty());
}

TEST_CASE("each event counts in its slot", "[client][series]") {
    TimeSeries series;
    series.begin(began);
    series.reply(began - 5, 100);  // a clock that was read a little before
    series.reply(began + slot - 1, 300);
    series.reply(began + slot, 1'000);
    series.bytes(began + slot + 1, 64);
    series.failure(began + 5 * slot);
    series.reply(began + 4 * slot + 1, 7);  // and one that goes back a little
    REQUIRE(series.slots().size() == 6);
    CHECK(series.slots()[0].received == 2);
    CHECK(series.slots()[0].latency_max_ns == 300);
    CHECK(series.slots()[0].latency_ns(50) == Approx(100).epsilon(0.03));
    CHECK(series.slots()[1].received == 1);
    CHECK(series.slots()[1].bytes_received == 64);
    CHECK(series.slots()[1].latency_ns(99) == Approx(1'000).epsilon(0.03));
    CHECK(series.slots()[2].received == 0);
    CHECK(series.slots()[4].received == 1);
    CHECK(series.slots()[5].failed == 1);
}

TEST_CASE("a long run has as many slots as a short one, and loses nothing", "[client][series]") {
    TimeSeries series;
    series.begin(began);
    constexpr std::uint64_t events = 10'000;
    for (std::uint64_t i = 0; i < events; ++i) {
        series.reply(began + i * slot, i + 1);
    }
    CHECK(series.slots().size() <= TimeSeries::slots_max);
    CHECK(series.slots().size() > TimeSeries::slots_max / 2 - 1);
    CHECK(series.slot_ns() == slot * 64);
    CHECK(received(series) == events);
    CHECK(series.slots()[0].received == 64);
    CHECK(series.slots()[1].latency_max_ns == 128);
    // A jump beyond all slots.
    series.reply(began + 1'000'000 * slot, 1);
    CHECK(series.slots().size() <= TimeSeries::slots_max);
    CHECK(received(series) == events + 1);
}

TEST_CASE("the series of two threads become one, whichever has the longer slots",
          "[client][series]") {
    for (const bool is_first_longer : {false, true}) {
        TimeSeries one;
        TimeSeries other;
        one.begin(began);
        other.begin(began);
        (is_first_longer ? one : other).reply(began + 2 * TimeSeries::slots_max * slot, 5);
        one.reply(began, 10);
        other.reply(began + slot, 20);
        one.add(other);
        one.add({});
        CHECK(one.slot_ns() == 4 * slot);
        CHECK(received(one) == 3);
        CHECK(one.slots()[0].received == 2);
        CHECK(one.slots()[0].latency_max_ns == 20);
    }
}
