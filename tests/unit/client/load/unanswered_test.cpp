// Tracks which messages have no reply yet, with replies in any order.
#include <cstdint>
#include <map>
#include <random>

#include "load/unanswered.hpp"
#include "support/catch.hpp"

using namespace portico::client;
using Turn = Unanswered::Turn;

TEST_CASE("replies in their turn settle one message each") {
    Unanswered unanswered(4, true);
    for (std::uint64_t number = 1; number <= 1'000; ++number) {
        REQUIRE(unanswered.begin({10 * number, 10 * number - 5}) == number);
        CHECK(unanswered.due() == 1);
        const Unanswered::Answer answer = unanswered.answer(number);
        CHECK(answer.turn == Turn::own);
        CHECK(answer.passed_over == 0);
        CHECK(answer.times.began_ns == 10 * number);
        CHECK(answer.times.due_ns == 10 * number - 5);
        CHECK(unanswered.due() == 0);
    }
    CHECK(unanswered.lost() == 0);
}

TEST_CASE("a reply to a later message passes the others over, until theirs come") {
    Unanswered unanswered(8, false);
    for (std::uint64_t i = 1; i <= 8; ++i) {
        unanswered.begin({i, 0});
    }
    CHECK(unanswered.answer(3).passed_over == 2);
    CHECK(unanswered.due() == 5);
    CHECK(unanswered.lost() == 2);
    CHECK(unanswered.answer(3).turn == Turn::duplicate);
    const Unanswered::Answer first = unanswered.answer(1);
    CHECK(first.turn == Turn::reordered);
    CHECK(first.times.began_ns == 1);
    CHECK(unanswered.lost() == 1);
    CHECK(unanswered.answer(1).turn == Turn::duplicate);
    CHECK(unanswered.give_up() == 5);
    CHECK(unanswered.due() == 0);
    CHECK(unanswered.lost() == 6);
    CHECK(unanswered.answer(8).turn == Turn::late);
    CHECK(unanswered.answer(8).turn == Turn::duplicate);
    CHECK(unanswered.lost() == 5);
    // it began to come before they were given up
    CHECK(unanswered.answer_unknown().turn == Turn::forgotten);
    CHECK(unanswered.lost() == 5);
    CHECK(unanswered.answer(9).turn == Turn::forgotten);  // 9 has not begun
    CHECK(unanswered.answer(0).turn == Turn::forgotten);
}

TEST_CASE("a reply that does not name its message counts for one that has none") {
    Unanswered unanswered(4, false);
    for (std::uint64_t i = 1; i <= 4; ++i) {
        unanswered.begin({i, 0});
    }
    // the reply is the second message's, but counts for the first
    CHECK(unanswered.answer_unknown().times.began_ns == 1);
    CHECK(unanswered.lost() == 0);
    CHECK(unanswered.answer(3).passed_over == 1);
    CHECK(unanswered.lost() == 1);
    CHECK(unanswered.answer(1).turn == Turn::reordered);
    CHECK(unanswered.lost() == 0);
    CHECK(unanswered.answer(4).turn == Turn::own);
    // One too many: nothing is lost, and the count does not go below zero.
    unanswered.begin({5, 0});
    (void)unanswered.answer_unknown();
    CHECK(unanswered.answer(5).turn == Turn::reordered);
    CHECK(unanswered.answer(2).turn == Turn::reordered);
    CHECK(unanswered.lost() == 0);
}

TEST_CASE("what is answered is known for as many messages as the window says") {
    Unanswered unanswered(20, false);
    CHECK(unanswered.window() == 64);
    for (std::uint64_t i = 1; i <= 100; ++i) {
        unanswered.begin({i, 0});
        if (i % 2 == 0) {
            (void)unanswered.answer(i);
        }
    }
    CHECK(unanswered.lost() == 50);
    CHECK(unanswered.answer(36).turn == Turn::forgotten);
    CHECK(unanswered.answer(35).turn == Turn::forgotten);
    CHECK(unanswered.answer(37).turn == Turn::reordered);
    CHECK(unanswered.answer(38).turn == Turn::duplicate);
    CHECK(unanswered.lost() == 49);
}

TEST_CASE("any order of replies is classified as by a list of all messages") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 200; ++round) {
        const std::uint32_t depth = 1 + static_cast<std::uint32_t>(random() % 20);
        Unanswered unanswered(depth, false);
        std::map<std::uint64_t, bool> is_answered;
        std::uint64_t settled = 0, given_up = 0;
        for (int i = 0; i < 400; ++i) {
            if (random() % 2 == 0 && unanswered.due() < depth) {
                is_answered[unanswered.begin({1, 0})] = false;
            } else if (random() % 40 == 0) {
                unanswered.give_up();
                settled = given_up = unanswered.begun();
            } else if (unanswered.begun() != 0) {
                const std::uint64_t begun = unanswered.begun();
                const std::uint64_t number = begun - random() % std::min<std::uint64_t>(
                                                                    begun, unanswered.window());
                const Turn expected = is_answered[number]  ? Turn::duplicate
                                      : number > settled   ? Turn::own
                                      : number <= given_up ? Turn::late
                                                           : Turn::reordered;
                REQUIRE(unanswered.answer(number).turn == expected);
                is_answered[number] = true;
                settled = std::max(settled, number);
            }
            std::uint64_t lost = 0;
            for (const auto& [number, was] : is_answered) {
                lost += number <= settled && !was ? 1 : 0;
            }
            REQUIRE(unanswered.lost() == lost);
            REQUIRE(unanswered.settled() == settled);
        }
    }
}
