// Stacks of other threads, and the texts that name their places.
#include "base/thread_stack.hpp"

#include <array>
#include <atomic>
#include <string>
#include <thread>

#ifndef _WIN32
#include <csignal>
#endif

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("a text of limited size composes numbers and is cut", "[base][stack]") {
    std::array<char, 16> memory;
    base::FixedText text(memory);
    text.add("n ").add_decimal(0).add(" ").add_hexadecimal(0xfeed);
    CHECK(text.text() == "n 0 feed");
    text.add(" and much more than fits");
    CHECK(text.text() == "n 0 feed and muc");
    text.clear();
    text.add_decimal(UINT64_MAX);
    CHECK(text.text() == "1844674407370955");
}

TEST_CASE("a place is a module and an offset, or an address", "[base][stack]") {
    std::array<char, 128> memory;
    base::FixedText text(memory);
    base::add_place(text, reinterpret_cast<std::uintptr_t>(&base::add_place));
    CHECK(std::string(text.text()).find("unit_tests") == 0);
    CHECK(text.text().find("+0x") != std::string_view::npos);
    text.clear();
    base::add_place(text, 0x10);
    CHECK(text.text() == "0x10");
}

#if !defined(__SANITIZE_THREAD__)
TEST_CASE("the stack of another thread is where that thread is", "[base][stack]") {
#ifndef _WIN32
    REQUIRE(base::use_stack_signal(SIGURG));
#endif
    std::atomic<std::uint32_t> id{0};
    std::atomic<bool> is_ending{false};
    std::thread thread([&] {
        id = base::this_thread_id();
        while (!is_ending) {
        }
    });
    while (id == 0) {
        std::this_thread::yield();
    }
    base::Stack stack;
    CHECK(base::stack_of(id, std::chrono::seconds(30), stack));
    CHECK(stack.count >= 2);
    is_ending = true;
    thread.join();
    // A thread that does not exist has none, and nobody waits for it.
    CHECK_FALSE(base::stack_of(UINT32_MAX / 2, std::chrono::seconds(30), stack));
}
#endif
