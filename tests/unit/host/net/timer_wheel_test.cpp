// The timing wheel against a plain list, on a clock of the test's own.
#include "net/timer_wheel.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <vector>

#include "support/catch.hpp"

using namespace portico;
using net::TimerTable;
using net::TimerWheel;

namespace {

constexpr std::uint64_t ms = 1'000'000;

struct Wheel {
    explicit Wheel(std::uint32_t timers) {
        for (std::uint32_t made = 0; made < timers; made += TimerTable::block_records) {
            std::uint32_t first = 0;
            REQUIRE(table.grow(nullptr, first) == TimerTable::Growth::grown);
            REQUIRE(first == made);
        }
    }
    std::uint64_t file(std::uint32_t index, std::uint64_t deadline_ns) {
        table[index].deadline_ns = deadline_ns;
        return wheel.file(table, index);
    }
    // As the host does it: again and again at one instant, until nothing is left to do.
    std::vector<std::uint32_t> due_at(std::uint64_t now_ns) {
        std::vector<std::uint32_t> all;
        std::array<std::uint32_t, 64> some;
        do {
            const std::size_t count = wheel.advance(table, now_ns, some);
            all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
        } while (wheel.next_ns() <= now_ns);
        return all;
    }
    // Wakes only when the wheel asks for it, until `until_ns`; returns when each came.
    std::map<std::uint32_t, std::uint64_t> run(std::uint64_t until_ns) {
        std::map<std::uint32_t, std::uint64_t> came;
        while (wheel.next_ns() <= until_ns) {
            const std::uint64_t now = wheel.next_ns();
            ++wakes;
            for (const std::uint32_t index : due_at(now)) {
                REQUIRE(came.emplace(index, now).second);
            }
        }
        return came;
    }

    TimerTable table{1};
    TimerWheel wheel;
    std::uint64_t wakes = 0;
};

}  // namespace

TEST_CASE("a timer is never early, and late by less than a tick", "[timer_wheel]") {
    Wheel wheel(1'024);
    const std::uint64_t start = 123'456'789'012'345;
    CHECK(wheel.wheel.next_ns() == TimerWheel::never);
    CHECK(wheel.due_at(start).empty());
    std::map<std::uint32_t, std::uint64_t> deadlines;
    std::uint32_t index = 0;
    for (std::uint64_t after = 1; after < ms * 1'000 * 3'600 * 24 * 50; after = after * 3 / 2 + 1) {
        deadlines[index] = start + after;
        CHECK(wheel.file(index, start + after) <= start + after + TimerWheel::grain_ns);
        ++index;
    }
    const auto came = wheel.run(UINT64_MAX - 1);
    REQUIRE(came.size() == deadlines.size());
    for (const auto& [timer, instant] : came) {
        CHECK(instant >= deadlines[timer]);
        CHECK(instant < deadlines[timer] + TimerWheel::grain_ns);
    }
    // Each level that a timer passes costs at most one wake.
    CHECK(wheel.wakes <= 8 * deadlines.size());
}

TEST_CASE("a deadline that has passed comes at the next tick", "[timer_wheel]") {
    Wheel wheel(8);
    CHECK(wheel.due_at(1'000 * ms).empty());
    wheel.file(3, 10 * ms);
    CHECK(wheel.wheel.next_ns() <= 1'000 * ms + TimerWheel::grain_ns);
    CHECK(wheel.due_at(1'001 * ms) == std::vector<std::uint32_t>{3});
}

TEST_CASE("a deadline may grow while the timer stands in its place", "[timer_wheel]") {
    Wheel wheel(8);
    wheel.file(0, 100 * ms);
    for (std::uint64_t now = 1; now < 5'000; ++now) {
        CHECK(wheel.due_at(now * ms).empty());
        wheel.table[0].deadline_ns = (now + 100) * ms;  // a message has come
    }
    CHECK(wheel.due_at(5'098 * ms).empty());
    CHECK(wheel.due_at(5'100 * ms).size() == 1);
}

TEST_CASE("a wheel that stood still for years goes on", "[timer_wheel]") {
    Wheel wheel(8);
    wheel.file(0, 5 * ms);
    wheel.file(1, std::uint64_t{1} << 60);
    CHECK(wheel.due_at(std::uint64_t{1} << 59) == std::vector<std::uint32_t>{0});
    CHECK(wheel.due_at((std::uint64_t{1} << 60) + TimerWheel::grain_ns) ==
          std::vector<std::uint32_t>{1});
    CHECK(wheel.wheel.next_ns() == TimerWheel::never);
}

TEST_CASE("many timers of one instant come in portions", "[timer_wheel]") {
    constexpr std::uint32_t count = 20'000;
    Wheel wheel(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        wheel.file(i, 30'000 * ms);
    }
    std::array<std::uint32_t, 64> due;
    CHECK(wheel.wheel.advance(wheel.table, 29'999 * ms, due) == 0);
    std::vector<bool> seen(count);
    std::uint32_t taken = 0;
    while (wheel.wheel.next_ns() <= 30'001 * ms) {
        const std::size_t some = wheel.wheel.advance(wheel.table, 30'001 * ms, due);
        for (std::size_t i = 0; i < some; ++i) {
            CHECK_FALSE(seen[due[i]]);
            seen[due[i]] = true;
        }
        taken += static_cast<std::uint32_t>(some);
    }
    CHECK(taken == count);
}

TEST_CASE("timers come as in a plain list, whatever is filed, restarted and removed",
          "[timer_wheel]") {
    constexpr std::uint32_t count = 300;
    std::mt19937_64 random(11);
    Wheel wheel(count);
    std::map<std::uint32_t, std::uint64_t> filed;  // and their deadlines
    std::uint64_t now = 77 * ms;
    const auto skewed = [&] { return random() % (std::uint64_t{1} << random() % 45); };
    for (int step = 0; step < 60'000; ++step) {
        const auto index = static_cast<std::uint32_t>(random() % count);
        const bool is_filed = filed.contains(index);
        switch (random() % 4) {
            case 0:
                if (is_filed) {
                    wheel.wheel.remove(wheel.table, index);
                    filed.erase(index);
                }
                break;
            case 1:
                if (is_filed) {  // a restart to a later instant
                    filed[index] += skewed();
                    wheel.table[index].deadline_ns = filed[index];
                }
                break;
            case 2:
                if (!is_filed) {
                    filed[index] = now + skewed();
                    wheel.file(index, filed[index]);
                }
                break;
            default:
                now += skewed() / 16;
                for (const std::uint32_t due : wheel.due_at(now)) {
                    REQUIRE(filed.contains(due));
                    REQUIRE(filed[due] <= now);
                    filed.erase(due);
                }
                for (const auto& [timer, deadline] : filed) {
                    REQUIRE(deadline + TimerWheel::grain_ns > now);
                }
        }
    }
}
