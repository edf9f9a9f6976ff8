// The helper threads of an instance and their queue, without an instance.
#include "plugin/executor.hpp"

#include <deque>
#include <future>
#include <vector>

#include "support/catch.hpp"

using portico::plugin::Executor;

namespace {

struct Counted : Executor::Work {
    explicit Counted(std::vector<int>& order, int number) : its_order(order), its_number(number) {
        run = [](Executor::Work& work) noexcept {
            auto& counted = static_cast<Counted&>(work);
            if (counted.waits.valid()) {
                counted.begun.set_value();
                counted.waits.wait();
            }
            counted.its_order.push_back(counted.its_number);
        };
    }
    std::vector<int>& its_order;
    int its_number;
    std::promise<void> begun;
    std::shared_future<void> waits;
};

}  // namespace

TEST_CASE("an executor takes work between open and stop, if it has threads", "[executor]") {
    std::vector<int> order;
    Counted work(order, 1);
    Executor executor(1, 10);
    CHECK(executor.add(work) == Executor::Added::unavailable);
    executor.open();
    CHECK(executor.add(work) == Executor::Added::unavailable);
    std::string mistake;
    REQUIRE(executor.start(mistake));
    REQUIRE(executor.start(mistake));
    CHECK(mistake.empty());
    CHECK(executor.add(work) == Executor::Added::added);
    while (executor.left().all() != 0) {
        std::this_thread::yield();
    }
    executor.stop();
    CHECK(order == std::vector<int>{1});
    CHECK(executor.add(work) == Executor::Added::unavailable);
    CHECK(executor.start(mistake));  // and starts none
    executor.stop();
}

TEST_CASE("an executor that never started needs no stop", "[executor]") {
    const Executor executor(4, 10);
    CHECK(executor.left().all() == 0);
}

TEST_CASE("an executor bounds what waits, and begins it in order", "[executor]") {
    std::vector<int> order;
    std::promise<void> goes_on;
    std::deque<Counted> work;
    for (int number = 0; number < 5; ++number) {
        work.emplace_back(order, number);
    }
    work[0].waits = goes_on.get_future().share();
    Executor executor(1, 3);
    executor.open();
    std::string mistake;
    REQUIRE(executor.start(mistake));
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(executor.add(work[i]) == Executor::Added::added);
    }
    work[0].begun.get_future().wait();
    CHECK(executor.left().running == 1);
    CHECK(executor.left().waiting == 3);
    CHECK(executor.add(work[4]) == Executor::Added::full);
    goes_on.set_value();
    while (executor.left().all() != 0) {
        std::this_thread::yield();
    }
    CHECK(executor.add(work[4]) == Executor::Added::added);
    while (executor.left().all() != 0) {
        std::this_thread::yield();
    }
    executor.stop();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}
