#include "schedule.hpp"

#include "support/catch.hpp"

using portico::client::Schedule;

TEST_CASE("messages are due evenly, the connections in turn") {
    const Schedule schedule(1'000, 4, 5'000'000'000);
    CHECK(schedule.due_ns(1, 1) == 5'000'000'000);
    CHECK(schedule.due_ns(2, 1) == 5'001'000'000);
    CHECK(schedule.due_ns(4, 1) == 5'003'000'000);
    CHECK(schedule.due_ns(1, 2) == 5'004'000'000);
    CHECK(schedule.due_ns(4, 250) == 5'999'000'000);
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
    // A third of a second is no whole number of nanoseconds, and three of them are a second all the same.
    const Schedule slow(3, 1, 0);
    CHECK(slow.due_ns(1, 2) == 333'333'333);
    CHECK(slow.due_ns(1, 3) == 666'666'666);
    CHECK(slow.due_ns(1, 3'000'001) == 1'000'000'000'000'000);
    const Schedule fast(99'999'999, 7, 0);
    CHECK(fast.due_ns(1, 1 + 99'999'999) == 7'000'000'000);
    CHECK(Schedule(1, 1'000'000, 0).due_ns(1, 1'000'000'000'000) == UINT64_MAX);
}
