// Tests of the machine and the explorer: all orders are there and none twice, and the memory does
// what the memory orders say.
#include <array>
#include <memory>
#include <set>
#include <vector>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico::interleave;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

struct Variables {
    Atomic<int> x{0};
    Atomic<int> y{0};
    Plain<int> data{0};
    std::array<int, 4> seen{};  // each thread has its own entry
};
using Body = void (*)(Variables&);
using Seen = std::array<int, 4>;

Machine::World world_of(std::vector<Body> bodies, std::set<Seen>* outcomes = nullptr) {
    return [bodies = std::move(bodies), outcomes](Machine& machine) {
        auto variables = std::make_shared<Variables>();
        for (const Body body : bodies) {
            machine.thread("thread", [variables, body] { body(*variables); });
        }
        machine.finally([variables, outcomes] {
            if (outcomes != nullptr) {
                outcomes->insert(variables->seen);
            }
        });
    };
}

// Everything that the threads can have seen, reduced and not.
std::set<Seen> outcomes_of(const std::vector<Body>& bodies) {
    std::set<Seen> reduced;
    std::set<Seen> whole;
    Limits limits;
    CHECK(explore(world_of(bodies, &reduced), limits).complete);
    limits.reduced = false;
    CHECK(explore(world_of(bodies, &whole), limits).complete);
    CHECK(reduced == whole);
    return whole;
}

std::string failure_of(const std::vector<Body>& bodies) {
    return explore(world_of(bodies)).failure;
}

}  // namespace

TEST_CASE("each order of the steps comes once", "[machine]") {
    // Three threads of two steps. Each step leaves a number of its own and finds that of the step
    // before: 6! / (2! 2! 2!) orders.
    struct Shared {
        Atomic<int> word{0};
        std::array<int, 6> found{};
    };
    const bool reduced = GENERATE(false, true);
    std::set<std::array<int, 6>> orders;
    Limits limits;
    limits.reduced = reduced;
    const Explored explored = explore(
        [&](Machine& machine) {
            auto shared = std::make_shared<Shared>();
            for (int thread = 0; thread < 3; ++thread) {
                machine.thread("thread", [shared, thread] {
                    for (int i = 2 * thread; i < 2 * thread + 2; ++i) {
                        shared->found[static_cast<std::size_t>(i)] = shared->word.exchange(i + 1,
                                                                                           relaxed);
                    }
                });
            }
            machine.finally([shared, &orders] { orders.insert(shared->found); });
        },
        limits);
    CHECK(explored.complete);
    CHECK(explored.runs == 90);
    CHECK(orders.size() == 90);
}

TEST_CASE("orders of steps that do not touch each other are one", "[machine]") {
    const std::vector<Body> bodies{
        [](Variables& v) { v.x.store(1, relaxed), v.x.store(2, relaxed); },
        [](Variables& v) { v.y.store(1, relaxed), v.y.store(2, relaxed); }};
    Limits limits;
    CHECK(explore(world_of(bodies), limits).runs == 1);
    limits.reduced = false;
    CHECK(explore(world_of(bodies), limits).runs == 6);
}

TEST_CASE("a store may be late for other threads, unless all is seq_cst", "[machine]") {
    const std::vector<Body> weak{
        [](Variables& v) { v.x.store(1, release), v.seen[0] = v.y.load(acquire); },
        [](Variables& v) { v.y.store(1, release), v.seen[1] = v.x.load(acquire); }};
    CHECK(outcomes_of(weak) == std::set<Seen>{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
    const std::vector<Body> strong{
        [](Variables& v) { v.x.store(1, seq_cst), v.seen[0] = v.y.load(seq_cst); },
        [](Variables& v) { v.y.store(1, seq_cst), v.seen[1] = v.x.load(seq_cst); }};
    CHECK(outcomes_of(strong) == std::set<Seen>{{0, 1}, {1, 0}, {1, 1}});
}

TEST_CASE("who acquires what was released sees what came before it", "[machine]") {
    const Body sender = [](Variables& v) { v.x.store(1, relaxed), v.y.store(1, release); };
    const std::vector<Body> paired{
        sender, [](Variables& v) { v.seen[0] = v.y.load(acquire), v.seen[1] = v.x.load(relaxed); }};
    CHECK(outcomes_of(paired) == std::set<Seen>{{0, 0}, {0, 1}, {1, 1}});
    const std::vector<Body> unpaired{
        sender, [](Variables& v) { v.seen[0] = v.y.load(relaxed), v.seen[1] = v.x.load(relaxed); }};
    CHECK(outcomes_of(unpaired) == std::set<Seen>{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
}

TEST_CASE("one atomic never goes backwards", "[machine]") {
    const std::vector<Body> bodies{
        [](Variables& v) { v.x.store(1, relaxed), v.x.store(2, relaxed); },
        [](Variables& v) { v.seen[0] = v.x.load(relaxed), v.seen[1] = v.x.load(relaxed); }};
    CHECK(outcomes_of(bodies) == std::set<Seen>{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}});
}

TEST_CASE("a read-modify-write takes the newest value", "[machine]") {
    const Body adds = [](Variables& v) { v.x.fetch_add(1, relaxed); };
    const std::vector<Body> bodies{adds, adds,
                                   [](Variables& v) { v.seen[0] = v.x.fetch_add(1, relaxed); }};
    CHECK(outcomes_of(bodies) == std::set<Seen>{{0}, {1}, {2}});
}

TEST_CASE("a compare-exchange may fail late, and the weak one for no reason", "[machine]") {
    const Body stores = [](Variables& v) { v.x.store(1, relaxed); };
    const std::vector<Body> strong{
        stores, [](Variables& v) {
            int expected = 1;
            v.seen[0] = v.x.compare_exchange_strong(expected, 2, relaxed, relaxed) ? 1 : 0;
            v.seen[1] = expected;
        }};
    CHECK(outcomes_of(strong) == std::set<Seen>{{0, 0}, {1, 1}});
    const std::vector<Body> weak{
        stores, [](Variables& v) {
            int expected = 1;
            v.seen[0] = v.x.compare_exchange_weak(expected, 2, relaxed, relaxed) ? 1 : 0;
            v.seen[1] = expected;
        }};
    CHECK(outcomes_of(weak) == std::set<Seen>{{0, 0}, {0, 1}, {1, 1}});
}

TEST_CASE("plain data needs an order", "[machine]") {
    const Body writes = [](Variables& v) { v.data.write(1), v.x.store(1, release); };
    const Body adds = [](Variables& v) { v.x.fetch_add(1, relaxed); };
    const Body overwrites = [](Variables& v) { v.x.store(2, relaxed); };
    const Body reads = [](Variables& v) {
        if (v.x.load(acquire) == 2) {
            v.seen[0] = v.data.read();
        }
    };
    const Body reads_relaxed = [](Variables& v) {
        if (v.x.load(relaxed) == 1) {
            v.seen[0] = v.data.read();
        }
    };
    // A read-modify-write carries the release on if it comes after it.
    CHECK(failure_of({writes, reads}).empty());
    CHECK(failure_of({writes, adds, reads}).empty());
    // A plain store does not.
    CHECK(failure_of({writes, overwrites, reads}).find("race: thread reads") != std::string::npos);
    CHECK(failure_of({writes, reads_relaxed}).find("race: thread reads") != std::string::npos);
    CHECK(failure_of({[](Variables& v) { v.x.store(1, relaxed), v.data.write(1); },
                      [](Variables& v) { v.x.store(2, relaxed), v.data.write(2); }})
              .find("race: thread writes") != std::string::npos);
    CHECK(failure_of(
              {[](Variables& v) { v.x.fetch_add(1, relaxed), static_cast<void>(v.data.read()); },
               writes})
              .find("race") != std::string::npos);
}

TEST_CASE("a wait without an end, and a run without one, fail", "[machine]") {
    CHECK(failure_of({[](Variables& v) {
              while (v.x.load(relaxed) == 0) {
                  Machine::current().await();
              }
          }}).find("a change that does not come") != std::string::npos);
    CHECK(failure_of({[](Variables& v) {
              while (v.x.load(relaxed) == 0) {
              }
          }}).find("no end after") != std::string::npos);
}

TEST_CASE("a seed is one run", "[machine]") {
    const std::vector<Body> bodies{[](Variables& v) {
                                       v.data.write(1);
                                       v.x.store(1, relaxed);
                                   },
                                   [](Variables& v) {
                                       if (v.x.load(relaxed) == 1) {
                                           static_cast<void>(v.data.read());
                                       }
                                   }};
    const Explored first = sample(world_of(bodies), 1, 1'000);
    REQUIRE_FALSE(first.failure.empty());
    const std::uint64_t seed = first.runs + 1;
    CHECK(sample(world_of(bodies), seed, 1).failure == first.failure);
    CHECK(first.failure.find("--seed " + std::to_string(seed)) != std::string::npos);
}
