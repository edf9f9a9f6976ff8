// The buffer pool, from one thread and from many.
#include "io/buffer_pool.hpp"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace portico::io;

TEST_CASE("a pool lends each of its buffers once", "[io][buffer_pool]") {
    // Around the size of a slab, so that the last slab is full, one short of full, or has one
    // buffer.
    const std::uint32_t count = GENERATE(1U, 2U, 63U, 64U, 65U, 200U);
    const std::uint32_t bytes = GENERATE(1U, 100U, 4'096U);
    const BufferPool::Use use = GENERATE(BufferPool::Use::shared, BufferPool::Use::single);
    CAPTURE(count, bytes);
    BufferPool pool(bytes, count, use);
    CHECK(pool.buffer_bytes() == bytes);
    CHECK(pool.buffers_max() == count);
    for (int round = 0; round < 3; ++round) {
        std::set<std::byte*> places;
        std::vector<Buffer> taken;
        for (std::uint32_t i = 0; i < count; ++i) {
            taken.push_back(pool.take());
            REQUIRE(taken.back().data != nullptr);
            // AddressSanitizer sees a buffer that is too short
            std::memset(taken.back().data, static_cast<int>(i), bytes);
            places.insert(taken.back().data);
            CHECK(pool.in_use() == i + 1);
        }
        CHECK(places.size() == count);
        std::byte* before = nullptr;
        for (std::byte* place : places) {
            const bool is_apart = before == nullptr ||
                                  place - before >= static_cast<std::ptrdiff_t>(bytes);
            CHECK(is_apart);
            before = place;
        }
        CHECK(pool.take().data == nullptr);
        CHECK(pool.take().data == nullptr);
        CHECK(pool.in_use() == count);
        for (const Buffer& buffer : taken) {
            pool.give_back(buffer);
        }
        CHECK(pool.in_use() == 0);
    }
}

TEST_CASE("every buffer begins where any object may, whatever the buffers' size",
          "[io][buffer_pool]") {
    const std::uint32_t bytes = GENERATE(1U, 17U, 1'001U);
    BufferPool pool(bytes, 3);
    std::vector<Buffer> taken;
    for (int i = 0; i < 3; ++i) {
        taken.push_back(pool.take());
        CHECK(reinterpret_cast<std::uintptr_t>(taken.back().data) % alignof(std::max_align_t) == 0);
    }
    for (const Buffer& buffer : taken) {
        pool.give_back(buffer);
    }
}

TEST_CASE("a buffer that came back is lent again", "[io][buffer_pool]") {
    BufferPool pool(16, 2);
    const Buffer first = pool.take();
    const Buffer second = pool.take();
    CHECK(pool.take().data == nullptr);
    pool.give_back(first);
    const Buffer again = pool.take();
    CHECK(again.data == first.data);
    CHECK(again.index == first.index);
    pool.give_back(second);
    pool.give_back(again);
}

TEST_CASE("threads that take and give back never hold the same buffer", "[io][buffer_pool]") {
    // More users than buffers, so that exhaustion, growing and reuse all happen at once.
    const std::uint32_t count = GENERATE(3U, 70U, 300U);
    CAPTURE(count);
    BufferPool pool(sizeof(std::uint64_t), count);
    constexpr int threads = 4;
    constexpr int rounds = 20'000;
    std::vector<std::atomic<int>> owners(count);
    std::atomic<int> wrong{0};
    std::atomic<std::uint64_t> taken{0};
    std::vector<std::thread> hands;
    for (int thread = 1; thread <= threads; ++thread) {
        hands.emplace_back([&, thread] {
            std::mt19937 random(static_cast<unsigned>(thread));
            std::vector<Buffer> held;
            const auto give_back = [&](std::size_t at) {
                const Buffer buffer = held[at];
                std::uint64_t mark = 0;
                std::memcpy(&mark, buffer.data, sizeof mark);
                wrong += mark == static_cast<std::uint64_t>(thread) ? 0 : 1;
                wrong += owners[buffer.index].exchange(0) == thread ? 0 : 1;
                held[at] = held.back();
                held.pop_back();
                pool.give_back(buffer);
            };
            for (int i = 0; i < rounds; ++i) {
                if (random() % 2 == 0 || held.empty()) {
                    const Buffer buffer = pool.take();
                    if (buffer.data == nullptr) {
                        continue;
                    }
                    ++taken;
                    wrong += owners[buffer.index].exchange(thread) == 0 ? 0 : 1;
                    const auto mark = static_cast<std::uint64_t>(thread);
                    // ThreadSanitizer sees a hand-over without order
                    std::memcpy(buffer.data, &mark, sizeof mark);
                    held.push_back(buffer);
                } else {
                    give_back(random() % held.size());
                }
            }
            while (!held.empty()) {
                give_back(held.size() - 1);
            }
        });
    }
    for (std::thread& hand : hands) {
        hand.join();
    }
    CHECK(wrong == 0);
    CHECK(taken > 0);
    CHECK(pool.in_use() == 0);
    // All of them are still there.
    std::vector<Buffer> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.push_back(pool.take());
        REQUIRE(all.back().data != nullptr);
    }
    CHECK(pool.take().data == nullptr);
    for (const Buffer& buffer : all) {
        pool.give_back(buffer);
    }
}
