// The share of time in which a worker was busy, with made-up clocks.
#include "server/busy_ratio.hpp"

#include "support/catch.hpp"

using namespace portico;

namespace {

constexpr std::uint64_t second = base::nanoseconds_per_second;

}  // namespace

TEST_CASE("a worker's ratio is its processor time in the time since the last read",
          "[busy_ratio]") {
    BusyRatio ratio(10 * second);
    CHECK(ratio.at(12 * second, second) == 0.5);
    CHECK(ratio.at(16 * second, 4 * second) == 0.75);
    CHECK(ratio.at(20 * second, 4 * second) == 0);
    CHECK(ratio.at(22 * second, 6 * second) == 1);
}

TEST_CASE("reads that follow each other closely share a window", "[busy_ratio]") {
    BusyRatio ratio(0);
    CHECK(ratio.at(second / 2, second / 4) == 0.5);  // nothing longer is known yet
    CHECK(ratio.at(2 * second, second) == 0.5);
    CHECK(ratio.at(2 * second + 1'000, second + 1'000) == 0.5);
    CHECK(ratio.at(4 * second, 3 * second) == 1);
}

TEST_CASE("a ratio stays between 0 and 1 whatever the clocks say", "[busy_ratio]") {
    BusyRatio ratio(second);
    CHECK(ratio.at(0, 0) == 0);
    CHECK(ratio.at(second, 0) == 0);
    CHECK(ratio.at(3 * second, 9 * second) == 1);
    CHECK(ratio.at(6 * second, 8 * second) == 0);
}
