// The free list of the buffer pool, the production code itself, in every order: no index is given
// to two threads, and none is lost.
#include "io/index_stack.hpp"

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/interleave/atomic.hpp"
#include "sim/interleave/expect.hpp"

using namespace portico;
using namespace portico::interleave;

namespace {

using Change = Plant::Change;
using Stack = io::BasicIndexStack<Atomic>;

std::string describe(std::uint64_t head) {
    const auto index = static_cast<std::uint32_t>(head);
    return (index == Stack::none ? "none" : std::to_string(index)) +
           (head >> 32 != 0 ? " (tag " + std::to_string(head >> 32) + ")" : "");
}

struct Pool {
    Pool(Machine& world, std::uint32_t count, std::size_t threads) : machine(world), held(threads) {
        machine.name("stack", &describe);
        stack.emplace(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            machine.name("buffer " + std::to_string(i));
            buffers.push_back(std::make_unique<Plain<std::size_t>>());
        }
        for (std::uint32_t i = count; i-- > 0;) {
            stack->push(i);
        }
    }

    // A thread's script: `t` takes a buffer (if there is one) and writes into it, `g` gives back
    // the one that it took first.
    void use(std::size_t thread, std::string_view script) {
        std::deque<std::uint32_t>& mine = held[thread];
        for (const char act : script) {
            if (act == 't') {
                const std::uint32_t index = stack->pop();
                if (index != Stack::none) {
                    buffers[index]->write(thread);
                    mine.push_back(index);
                }
            } else if (!mine.empty()) {
                const std::uint32_t index = mine.front();
                mine.pop_front();
                machine.check(buffers[index]->read() == thread, "a buffer was given to two");
                stack->push(index);
            }
        }
    }

    void check_end() {
        std::array<int, 4> times{};
        for (const std::deque<std::uint32_t>& of_thread : held) {
            for (const std::uint32_t index : of_thread) {
                ++times[index];
            }
        }
        for (std::uint32_t index = stack->pop(); index != Stack::none; index = stack->pop()) {
            machine.check(++times[index] == 1, "a buffer is there twice");
        }
        for (std::size_t i = 0; i < buffers.size(); ++i) {
            machine.check(times[i] == 1, "a buffer is lost, or there twice");
        }
    }

    Machine& machine;
    std::optional<Stack> stack;
    std::vector<std::unique_ptr<Plain<std::size_t>>> buffers;
    std::vector<std::deque<std::uint32_t>> held;  // by each thread
};

Machine::World pool(std::uint32_t count, std::vector<std::string> scripts) {
    return [=](Machine& machine) {
        auto pool = std::make_shared<Pool>(machine, count, scripts.size());
        for (std::size_t i = 0; i < scripts.size(); ++i) {
            machine.thread("thread " + std::to_string(i), [=] { pool->use(i, scripts[i]); });
        }
        machine.finally([pool] { pool->check_end(); });
    };
}

}  // namespace

TEST_CASE("a buffer has one holder, and none is lost: all orders", "[index_stack]") {
    expect_all(pool(1, {"tg", "tg"}), 418);
    expect_all(pool(1, {"tg", "t", "t"}), 13'935);
    expect_all(pool(2, {"t", "ttg"}), 1'072);
    expect_all(pool(2, {"tg", "ttg"}), 6'844);
}

TEST_CASE("buffers under four threads, drawn", "[index_stack]") {
    expect_sampled(pool(3, {"tgtg", "ttgg", "tgtg", "ttgtg"}), 20'000);
}

TEST_CASE("defects of the free list are found", "[index_stack][defects]") {
    const Machine::World aba = pool(2, {"t", "ttg"});
    // Without a tag that changes, a pop succeeds on a head that was popped and pushed meanwhile.
    expect_found(aba,
                 {"push", Change::rewritten,
                  [](std::uint64_t head) { return (head & UINT32_MAX) | std::uint64_t{2} << 32; }},
                 "a buffer is there twice");
    expect_found(pool(1, {"tg", "t"}), {"push", Change::relaxed}, "race: ");
    expect_found(pool(1, {"tg", "t"}), {"pop", Change::relaxed}, "race: ");
    expect_found(aba, {"pop", Change::torn}, "race: ");
    expect_found(pool(2, {"tg", "tg"}), {"push", Change::torn}, "a buffer is lost");
}
