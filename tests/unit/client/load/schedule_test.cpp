// The instants at which messages are due: evenly or by Poisson arrivals, without drift.
#include "load/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.hpp"

using portico::client::PoissonBlocks;
using portico::client::Schedule;

TEST_CASE("messages are due evenly, the connections in turn") {
    const Schedule schedule(1'000, 4, 5'000'000'000);
    CHECK(schedule.due_ns(1, 1) == 5'000'000'000);
    CHECK(schedule.due_ns(2, 1) == 5'001'000'000);
    CHECK(schedule.due_ns(4, 1) == 5'003'000'000);
    CHECK(schedule.due_ns(1, 2) == 5'004'000'000);
    CHECK(schedule.due_ns(4, 250) == 5'999'000'000);
}

TEST_CASE("a rate below one a second is as exact") {
    const Schedule half({1, 2}, 1, 7);
    CHECK(half.due_ns(1, 1) == 7);
    CHECK(half.due_ns(1, 2) == 2'000'000'007);
    CHECK(half.due_ns(1, 1'001) == 2'000'000'000'007);
    CHECK(half.due_before(1, 7 + 10'000'000'000) == 5);
    const Schedule odd({1'234'567, 1'000}, 3, 0);  // 1234.567 a second
    for (const std::uint64_t number : {1, 2, 999, 1'000'000}) {
        for (const std::uint32_t connection : {1U, 3U}) {
            const std::uint64_t due = odd.due_ns(connection, number);
            CHECK(odd.due_before(connection, due) == number - 1);
            CHECK(odd.due_before(connection, due + 1) == number);
        }
    }
    CHECK(odd.due_ns(1, 1 + 1'234'567) == 3'000'000'000'000);
}

TEST_CASE("what is due before an instant is counted as it is scheduled") {
    for (const std::uint64_t rate : {1, 3, 1'000, 99'999'999}) {
        const Schedule schedule(rate, 3, 1'000);
        for (const std::uint32_t connection : {1U, 2U, 3U}) {
            CHECK(schedule.due_before(connection, 0) == 0);
            for (const std::uint64_t number : {1, 2, 7, 1'000}) {
                const std::uint64_t due = schedule.due_ns(connection, number);
                CHECK(schedule.due_before(connection, due) == number - 1);
                CHECK(schedule.due_before(connection, due + 1) == number);
            }
        }
    }
}

TEST_CASE("a schedule does not drift, whatever its rate") {
    // A third of a second is no whole number of nanoseconds, but three of them make a second.
    const Schedule slow(3, 1, 0);
    CHECK(slow.due_ns(1, 2) == 333'333'333);
    CHECK(slow.due_ns(1, 3) == 666'666'666);
    CHECK(slow.due_ns(1, 3'000'001) == 1'000'000'000'000'000);
    const Schedule fast(99'999'999, 7, 0);
    CHECK(fast.due_ns(1, 1 + 99'999'999) == 7'000'000'000);
    CHECK(Schedule(1, 1'000'000, 0).due_ns(1, 1'000'000'000'000) == UINT64_MAX);
}

TEST_CASE("Poisson arrivals keep the rate, and their gaps are exponential") {
    PoissonBlocks blocks(7);
    constexpr std::uint64_t count = 100'000;
    constexpr std::uint64_t rate = 1'000;
    const Schedule schedule(rate, 1, 5'000'000'000, &blocks);
    double sum = 0;
    double squares = 0;
    std::uint64_t longer = 0;  // than the mean: 1 / e of the gaps
    std::uint64_t before = schedule.due_ns(1, 1);
    for (std::uint64_t number = 2; number <= count; ++number) {
        const std::uint64_t due = schedule.due_ns(1, number);
        REQUIRE(due >= before);
        const double gap = static_cast<double>(due - before) / 1e6;
        sum += gap;
        squares += gap * gap;
        longer += gap > 1 ? 1 : 0;
        before = due;
    }
    const double mean = sum / (count - 1);
    CHECK(mean == Approx(1).epsilon(0.005));
    // as large as the mean; for even gaps it is 0
    CHECK(std::sqrt(squares / (count - 1) - mean * mean) == Approx(1).epsilon(0.03));
    CHECK(static_cast<double>(longer) / count == Approx(std::exp(-1)).epsilon(0.03));
    // Whatever is drawn, a block takes its fixed time.
    CHECK(schedule.due_ns(1, 256 * 1'000) <= 5'000'000'000 + 256'000'000'000);
    CHECK(schedule.due_ns(1, 256 * 1'000 + 1) >= 5'000'000'000 + 256'000'000'000);
}

TEST_CASE("Poisson arrivals are those of their seed, in whatever order they are asked for") {
    PoissonBlocks blocks(1);
    PoissonBlocks same(1);
    PoissonBlocks others(2);
    const Schedule schedule(50, 3, 0, &blocks);
    const Schedule again(50, 3, 0, &same);
    const Schedule different(50, 3, 0, &others);
    std::vector<std::uint64_t> dues;
    for (std::uint64_t number = 1; number <= 20'000; ++number) {
        dues.push_back(schedule.due_ns(2, number));
    }
    for (std::uint64_t number = 20'000; number > 77; number -= 77) {
        REQUIRE(again.due_ns(2, number) == dues[number - 1]);
    }
    CHECK(different.due_ns(2, 1) != dues[0]);
    for (const std::uint64_t number : {1, 2, 85, 86, 87, 5'000, 20'000}) {
        CAPTURE(number);
        const auto earlier = static_cast<std::uint64_t>(
            std::lower_bound(dues.begin(), dues.end(), dues[number - 1]) - dues.begin());
        CHECK(schedule.due_before(2, dues[number - 1]) == earlier);
        CHECK(schedule.due_before(2, dues[number - 1] + 1) >= number);
    }
    CHECK(schedule.due_before(1, 0) == 0);
}
