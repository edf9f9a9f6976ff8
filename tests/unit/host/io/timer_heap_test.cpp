// The heap of timers against a sorted list: in whatever order timers are pushed and removed, the
// earliest is in front.
#include "io/timer_heap.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "support/catch.hpp"

using namespace portico;
using io::TimerHeap;
using io::TimerOperation;

TEST_CASE("timers come out by their deadlines", "[timer_heap]") {
    TimerHeap heap;
    std::array<TimerOperation, 5> timers;
    const std::uint64_t deadlines[] = {30, 10, 50, 10, 20};
    CHECK(heap.front() == nullptr);
    for (std::size_t i = 0; i < timers.size(); ++i) {
        timers[i].deadline_ns = deadlines[i];
        heap.push(timers[i]);
    }
    for (const std::uint64_t expected : {10, 10, 20, 30, 50}) {
        REQUIRE(heap.front() != nullptr);
        CHECK(heap.front()->deadline_ns == expected);
        TimerOperation& first = *heap.front();
        CHECK(TimerHeap::contains(first));
        heap.remove(first);
        CHECK_FALSE(TimerHeap::contains(first));
    }
    CHECK(heap.front() == nullptr);
    CHECK(heap.size() == 0);
}

TEST_CASE("a million equal deadlines neither recurse nor grow anything", "[timer_heap]") {
    TimerHeap heap;
    std::vector<TimerOperation> timers(1'000'000);
    for (TimerOperation& timer : timers) {
        timer.deadline_ns = 7;
        heap.push(timer);
    }
    heap.remove(timers[timers.size() / 2]);
    std::size_t taken = 1;
    for (; heap.front() != nullptr; ++taken) {
        heap.remove(*heap.front());
    }
    CHECK(taken == timers.size());
}

TEST_CASE("timers are set and taken out in any order", "[timer_heap]") {
    std::mt19937 random(7);
    std::vector<TimerOperation> timers(200);
    TimerHeap heap;
    std::vector<TimerOperation*> inside;
    std::vector<TimerOperation*> outside;
    for (TimerOperation& timer : timers) {
        outside.push_back(&timer);
    }
    const auto take = [&](std::vector<TimerOperation*>& from) {
        std::swap(from[random() % from.size()], from.back());
        TimerOperation* taken = from.back();
        from.pop_back();
        return taken;
    };
    for (int step = 0; step < 50'000; ++step) {
        // Fills and empties in turn, so that the heap has every size.
        const bool fills = (step / 400) % 2 == 0;
        if (!outside.empty() && (inside.empty() || random() % 4 < (fills ? 3U : 1U))) {
            TimerOperation* timer = take(outside);
            timer->deadline_ns = random() % 50;
            heap.push(*timer);
            inside.push_back(timer);
        } else if (random() % 2 == 0) {
            TimerOperation* timer = take(inside);
            heap.remove(*timer);
            outside.push_back(timer);
        } else {
            TimerOperation* first = heap.front();
            std::erase(inside, first);
            heap.remove(*first);
            outside.push_back(first);
        }
        REQUIRE(heap.size() == inside.size());
        const auto earliest = std::min_element(
            inside.begin(), inside.end(),
            [](const TimerOperation* left, const TimerOperation* right) {
                return left->deadline_ns < right->deadline_ns;
            });
        if (inside.empty()) {
            REQUIRE(heap.front() == nullptr);
        } else {
            REQUIRE(heap.front()->deadline_ns == (*earliest)->deadline_ns);
            REQUIRE(std::find(inside.begin(), inside.end(), heap.front()) != inside.end());
        }
        for (const TimerOperation* timer : outside) {
            REQUIRE_FALSE(TimerHeap::contains(*timer));
        }
    }
}
