// The lock of the timers, the production code itself, in every order.
#include "net/brief_lock.hpp"

#include <memory>
#include <optional>
#include <string>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using BriefLock = net::BasicBriefLock<Atomic>;
using Change = Plant::Change;

struct Guarded {
    explicit Guarded(Machine& world) : machine(world) {
        machine.name("held");
        lock.emplace();
        machine.name("the guarded");
        count.emplace(0);
    }
    void add_one() { count->write(count->read() + 1); }

    Machine& machine;
    std::optional<BriefLock> lock;
    std::optional<Plain<int>> count;
};

// Threads that each add one under the lock, `times` times.
Machine::World adders(unsigned threads, int times) {
    return [=](Machine& machine) {
        auto guarded = std::make_shared<Guarded>(machine);
        for (unsigned thread = 0; thread < threads; ++thread) {
            machine.thread("adder " + std::string(1, static_cast<char>('a' + thread)), [=] {
                for (int i = 0; i < times; ++i) {
                    guarded->lock->lock([&] { guarded->machine.await(); });
                    guarded->add_one();
                    guarded->lock->unlock();
                }
            });
        }
        machine.finally([=, &machine] {
            machine.check(guarded->count->read() == static_cast<int>(threads) * times,
                          "an addition is lost");
            machine.check(guarded->lock->try_lock(), "the lock is still held");
        });
    };
}

// One thread waits for the lock; another one only tries.
Machine::World one_tries() {
    return [](Machine& machine) {
        auto guarded = std::make_shared<Guarded>(machine);
        machine.thread("waits", [guarded] {
            guarded->lock->lock([&] { guarded->machine.await(); });
            guarded->add_one();
            guarded->lock->unlock();
        });
        machine.thread("tries", [guarded] {
            if (guarded->lock->try_lock()) {
                guarded->add_one();
                guarded->lock->unlock();
            }
        });
        machine.finally([guarded, &machine] {
            machine.check(guarded->count->read() >= 1, "the waiting thread never got the lock");
        });
    };
}

}  // namespace

TEST_CASE("the brief lock excludes and hands on what was written: all orders", "[brief_lock]") {
    expect_all(adders(2, 1), 4);
    expect_all(adders(2, 2), 100);
    expect_all(adders(3, 1), 1'566);
    expect_all(one_tries(), 4);
}

TEST_CASE("defects of the brief lock are found", "[brief_lock][defects]") {
    expect_found(adders(2, 1), {"try_lock", Change::torn}, "waits for a change");
    expect_found(adders(2, 1), {"try_lock", Change::left_out}, "race: ");
    expect_found(adders(2, 1), {"try_lock", Change::no_acquire}, "race: ");
    expect_found(adders(2, 1), {"unlock", Change::relaxed}, "race: ");
    expect_found(adders(2, 1), {"unlock", Change::left_out}, "waits for a change");
}
