// The send queue: order, chunks and memory.
#include "net/send_queue.hpp"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace portico;

namespace {

constexpr std::uint32_t usual = 256;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

std::string gathered(net::SendQueue& queue) {
    std::string text;
    for (const io::ConstBuffer& part : queue.gather()) {
        text.append(reinterpret_cast<const char*>(part.data), part.size);
    }
    return text;
}

}  // namespace

TEST_CASE("small messages share a chunk and are sent as one part", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    net::SendQueue queue;
    for (int i = 0; i < 16; ++i) {
        REQUIRE(queue.append(chunks, bytes_of("0123456789")));
    }
    const std::span<const io::ConstBuffer> parts = queue.gather();
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].size == 160);
    CHECK(chunks.in_use() == 1);
    queue.consume(160);
    CHECK(queue.empty());
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("appending does not move bytes that are being sent", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    net::SendQueue queue;
    REQUIRE(queue.append(chunks, bytes_of("first")));
    const std::span<const io::ConstBuffer> parts = queue.gather();
    REQUIRE(parts.size() == 1);
    REQUIRE(queue.append(chunks, bytes_of("second")));
    CHECK(std::string(reinterpret_cast<const char*>(parts[0].data), parts[0].size) == "first");
    queue.consume(5);
    CHECK(gathered(queue) == "second");
    queue.clear();
}

TEST_CASE(
    "a received buffer becomes a chunk as it is, between copied bytes, and goes back to its pool "
    "when it is sent",
    "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    io::BufferPool received(64, 2, io::BufferPool::Use::shared, net::SendQueue::chunk_overhead);
    const io::Buffer buffer = received.take();
    std::memcpy(buffer.data, "0123456789", 10);
    net::SendQueue queue;
    REQUIRE(queue.append(chunks, bytes_of("before ")));
    queue.adopt(received, buffer, 2, 6);
    REQUIRE(queue.append(chunks, bytes_of(" after")));
    CHECK(queue.bytes() == 19);
    const std::span<const io::ConstBuffer> parts = queue.gather();
    REQUIRE(parts.size() == 3);
    CHECK(parts[1].data == buffer.data + 2);
    CHECK(gathered(queue) == "before 234567 after");
    CHECK(std::string(reinterpret_cast<const char*>(buffer.data), 10) == "0123456789");
    queue.consume(9);
    CHECK(gathered(queue) == "4567 after");
    CHECK(received.in_use() == 1);
    queue.consume(4);
    CHECK(received.in_use() == 0);
    CHECK(gathered(queue) == " after");
    queue.clear();
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("messages larger than a chunk, and an exhausted pool, go to the heap", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 1);
    net::SendQueue queue;
    const std::string large(10'000, 'l');
    REQUIRE(queue.append(chunks, bytes_of(large)));
    CHECK(chunks.in_use() == 0);
    REQUIRE(queue.append(chunks, bytes_of("a")));
    CHECK(chunks.in_use() == 1);
    REQUIRE(queue.append(chunks, bytes_of(std::string(usual, 'b'))));
    CHECK(chunks.in_use() == 1);
    CHECK(gathered(queue) == large + "a" + std::string(usual, 'b'));
    queue.clear();
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("an empty queue has nothing to send", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 1);
    net::SendQueue queue;
    CHECK(queue.gather().empty());
    REQUIRE(queue.append(chunks, {}));
    CHECK(queue.gather().empty());
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("any mixture of appends and partial sends keeps the stream intact", "[send_queue]") {
    std::mt19937 random(7);
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 16);
    net::SendQueue queue;
    std::string expected;
    std::string sent;
    for (int step = 0; step < 5'000; ++step) {
        if (random() % 2 == 0) {
            std::string message(random() % 700, ' ');
            for (char& c : message) {
                c = static_cast<char>(random());
            }
            REQUIRE(queue.append(chunks, bytes_of(message)));
            expected += message;
        } else if (!queue.empty()) {
            const std::string next = gathered(queue);
            const std::size_t taken = 1 + random() % next.size();
            sent += next.substr(0, taken);
            queue.consume(taken);
        }
        REQUIRE(queue.bytes() == expected.size() - sent.size());
    }
    while (!queue.empty()) {
        const std::string next = gathered(queue);
        sent += next;
        queue.consume(next.size());
    }
    CHECK(sent == expected);
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("without chunks in the pool a queue owns at most twice its bytes, whatever their sizes",
          "[send_queue]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 1, 29, 4'096);
    CAPTURE(size);
    constexpr std::size_t limit = 1U << 20;
    constexpr std::uint32_t chunk_bytes = 65'536;
    io::BufferPool chunks(chunk_bytes + net::SendQueue::chunk_overhead, 1);
    const io::Buffer the_only_one = chunks.take();
    net::SendQueue queue;
    const std::string message(size, 'x');
    while (queue.bytes() < limit) {
        REQUIRE(queue.append(chunks, bytes_of(message)));
    }
    CHECK(queue.owned_bytes() <= 2 * limit + chunk_bytes);
    // The same holds after a time in which as much came as was sent.
    for (std::size_t sent = 0; sent < limit; sent += size) {
        static_cast<void>(queue.gather());
        queue.consume(size);
        REQUIRE(queue.append(chunks, bytes_of(message)));
    }
    CHECK(queue.owned_bytes() <= 2 * limit + chunk_bytes);
    queue.clear();
    CHECK(queue.owned_bytes() == 0);
    chunks.give_back(the_only_one);
}
