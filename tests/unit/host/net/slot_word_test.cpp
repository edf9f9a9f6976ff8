// The word of a slot: each transition, and sums of many threads.
#include "net/slot_word.hpp"

#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace portico;
using net::Reserve;
using net::SlotWord;

namespace {

constexpr std::uint32_t high = 100;
constexpr auto low = [] { return std::uint32_t{50}; };

std::uint64_t opened(SlotWord& word) {
    word.open();
    return SlotWord::generation_of(word.load());
}

}  // namespace

TEST_CASE("a free slot and an old generation are gone", "[slot_word]") {
    SlotWord word;
    CHECK(word.reserve(0, 1, high) == Reserve::gone);
    CHECK_FALSE(word.reserve_call(0, true));
    const std::uint64_t first = opened(word);
    CHECK(word.reserve(first, 1, high) == Reserve::accepted);
    CHECK_FALSE(word.give_back(1, low));
    word.begin_closing();
    CHECK(word.reserve(first, 1, high) == Reserve::gone);
    REQUIRE(word.close_for_good());
    const std::uint64_t second = opened(word);
    CHECK(second == first + 1);
    CHECK(word.reserve(first, 1, high) == Reserve::gone);
    CHECK(word.reserve(second, 1, high) == Reserve::accepted);
}

TEST_CASE("sends are accepted below the high watermark; one may pass it", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    CHECK(word.reserve(generation, 99, high) == Reserve::accepted);
    CHECK(word.reserve(generation, 1'000, high) == Reserve::accepted);
    CHECK(word.reserve(generation, 1, high) == Reserve::would_block);
    CHECK(SlotWord::reserved_of(word.load()) == 1'099);
}

TEST_CASE("a blockage ends once, below the low watermark", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    REQUIRE(word.reserve(generation, 100, high) == Reserve::accepted);
    REQUIRE(word.reserve(generation, 1, high) == Reserve::would_block);
    REQUIRE(word.reserve(generation, 1, high) == Reserve::would_block);
    CHECK_FALSE(word.give_back(50, low));
    CHECK(word.give_back(1, low));
    CHECK_FALSE(word.give_back(49, low));
}

TEST_CASE("a refusal that nobody waits for leaves no blockage behind", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    CHECK(word.reserve(generation, 100, high, false) == Reserve::accepted);
    CHECK(word.reserve(generation, 1, high, false) == Reserve::would_block);
    CHECK_FALSE(SlotWord::is_blocked(word.load()));
    CHECK_FALSE(word.give_back(100, low));
}

TEST_CASE("if nothing was refused, no blockage ends", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    REQUIRE(word.reserve(generation, 100, high) == Reserve::accepted);
    CHECK_FALSE(word.give_back(100, low));
}

TEST_CASE("a close waits for what is reserved", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    REQUIRE(word.reserve(generation, 10, high) == Reserve::accepted);
    REQUIRE(word.reserve_call(generation, false));
    word.begin_closing();
    CHECK_FALSE(word.close_for_good());
    CHECK_FALSE(word.reserve_call(generation, false));
    CHECK(word.reserve_call(generation, true));
    static_cast<void>(word.give_back(10, low));
    static_cast<void>(word.give_back(2, low));
    CHECK(word.close_for_good());
    CHECK_FALSE(word.reserve_call(generation, true));
}

TEST_CASE("after finish sends are refused and calls accepted", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    REQUIRE(word.reserve_call(generation, false, SlotWord::Mark::finished));
    CHECK(word.reserve(generation, 1, high) == Reserve::finished);
    CHECK(word.reserve_call(generation, false));
}

TEST_CASE("reservations from many threads add up", "[slot_word]") {
    SlotWord word;
    const std::uint64_t generation = opened(word);
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> accepted{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 10'000; ++round) {
                if (word.reserve(generation, 3, 1'000'000) == Reserve::accepted) {
                    accepted += 3;
                }
                if (round % 2 == 0) {
                    static_cast<void>(word.give_back(3, low));
                    accepted -= 3;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(SlotWord::reserved_of(word.load()) == accepted);
}
