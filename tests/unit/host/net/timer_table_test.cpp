// The timers' records and numbers, and the lock that guards them.
#include "net/timer_table.hpp"

#include <thread>
#include <vector>

#include "net/brief_lock.hpp"
#include "support/catch.hpp"

using namespace portico;
using net::TimerRecord;
using net::TimerTable;

TEST_CASE("a timer's number leads to its record, and to no other table's", "[timer_table]") {
    TimerTable table(5);
    TimerTable other(6);
    int owner = 0;
    auto* timers = reinterpret_cast<net::Timers*>(&owner);
    std::uint32_t first = 0;
    REQUIRE(table.grow(timers, first) == TimerTable::Growth::grown);
    REQUIRE(table.grow(timers, first) == TimerTable::Growth::grown);
    REQUIRE(other.grow(timers, first) == TimerTable::Growth::grown);
    const std::uint64_t number = table.number_of(1'500, 7);
    const TimerTable::Found found = table.find(number);
    CHECK(found.timers == timers);
    CHECK(found.record == &table[1'500]);
    CHECK(found.index == 1'500);
    CHECK(found.generation == 7);
    CHECK(other.find(number).timers == nullptr);
    CHECK(table.find(0).timers == nullptr);
    CHECK(table.find(table.number_of(2'048, 1)).timers == nullptr);
    CHECK(table.find(UINT64_MAX).timers == nullptr);
}

TEST_CASE("a block's records are linked as free ones", "[timer_table]") {
    TimerTable table(1);
    std::uint32_t first = 0;
    REQUIRE(table.grow(nullptr, first) == TimerTable::Growth::grown);
    REQUIRE(table.grow(nullptr, first) == TimerTable::Growth::grown);
    std::uint32_t count = 0;
    for (std::uint32_t at = first; at != TimerTable::none; at = table[at].place.next) {
        CHECK(at == first + count);
        ++count;
    }
    CHECK(count == TimerTable::block_records);
}

TEST_CASE("the brief lock excludes", "[timer_table]") {
    net::BriefLock lock;
    std::uint64_t count = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                lock.lock();
                ++count;
                lock.unlock();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(count == 80'000);
    CHECK(lock.try_lock());
    CHECK_FALSE(lock.try_lock());
}
