// The send queue: order, chunks and memory.
#include "net/send_queue.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
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

// For queues without external sends.
void consume(net::SendQueue& queue, std::size_t count) {
    REQUIRE(queue.consume(count) == nullptr);
}
void clear(net::SendQueue& queue) {
    REQUIRE(queue.clear() == nullptr);
}

// A send of memory that the test keeps.
struct Texts {
    explicit Texts(std::vector<std::string> its_texts) : texts(std::move(its_texts)) {
        for (const std::string& text : texts) {
            parts.push_back({reinterpret_cast<const std::byte*>(text.data()), text.size()});
            bytes += static_cast<std::uint32_t>(text.size());
        }
    }
    std::vector<std::string> texts;
    std::vector<io::ConstBuffer> parts;
    std::uint32_t bytes = 0;
};
struct Kept : private Texts, net::SendQueue::External {
    explicit Kept(std::vector<std::string> its_texts)
        : Texts(std::move(its_texts)), External(Texts::parts, Texts::bytes, sizeof(Kept)) {}
    using External::bytes;
    using External::shrink;
};

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
    consume(queue, 160);
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
    consume(queue, 5);
    CHECK(gathered(queue) == "second");
    clear(queue);
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
    consume(queue, 9);
    CHECK(gathered(queue) == "4567 after");
    CHECK(received.in_use() == 1);
    consume(queue, 4);
    CHECK(received.in_use() == 0);
    CHECK(gathered(queue) == " after");
    clear(queue);
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
    clear(queue);
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
            consume(queue, taken);
        }
        REQUIRE(queue.bytes() == expected.size() - sent.size());
    }
    while (!queue.empty()) {
        const std::string next = gathered(queue);
        sent += next;
        consume(queue, next.size());
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
        consume(queue, size);
        REQUIRE(queue.append(chunks, bytes_of(message)));
    }
    CHECK(queue.owned_bytes() <= 2 * limit + chunk_bytes);
    clear(queue);
    CHECK(queue.owned_bytes() == 0);
    chunks.give_back(the_only_one);
}

TEST_CASE("parts are queued as one message, across the end of a chunk", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    net::SendQueue queue;
    REQUIRE(queue.append(chunks, bytes_of(std::string(250, 'a'))));
    struct Part {  // longer than the two members that the queue knows
        const char* data;
        std::uint64_t size;
        std::uint64_t more;
    };
    const std::string large(300, 'l');
    const Part parts[] = {{"01", 2, 9}, {nullptr, 0, 9}, {large.data(), 300, 9}, {"23", 2, 9}};
    const net::Parts all(parts, 4, sizeof(Part), 1'000);
    CHECK(all.bytes() == 304);
    CHECK_FALSE(all.has_hole());
    REQUIRE(queue.append(chunks, all));
    CHECK(gathered(queue) == std::string(250, 'a') + "01" + large + "23");
    CHECK(queue.bytes() == 554);
    clear(queue);
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("the sum of parts stops above the limit and cannot overflow", "[send_queue]") {
    const io::ConstBuffer parts[] = {
        {nullptr, 0}, {reinterpret_cast<const std::byte*>("x"), SIZE_MAX}, {nullptr, SIZE_MAX}};
    CHECK(net::Parts(parts, 1, sizeof parts[0], 100).bytes() == 0);
    CHECK(net::Parts(parts, 2, sizeof parts[0], 100).bytes() == 101);
    CHECK_FALSE(net::Parts(parts, 2, sizeof parts[0], 100).has_hole());
    CHECK(net::Parts(parts, 3, sizeof parts[0], 100).bytes() == 101);
    CHECK(net::Parts(parts, 3, sizeof parts[0], 100).has_hole());
}

TEST_CASE("an external send is referred to, between copied bytes, and handed back when it is sent",
          "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    net::SendQueue queue;
    Kept kept({"one ", "two ", "three"});
    REQUIRE(queue.append(chunks, bytes_of("before ")));
    queue.append(kept);
    REQUIRE(queue.append(chunks, bytes_of(" after")));
    CHECK(queue.bytes() == 26 + kept.cost());
    CHECK(queue.unsent_bytes() == 26);
    CHECK_FALSE(queue.is_one_chunk());
    CHECK(gathered(queue) == "before one two three after");
    CHECK(queue.gather()[2].data != nullptr);
    CHECK(queue.consume(13) == nullptr);
    CHECK(gathered(queue) == "o three after");
    CHECK(queue.consume(6) == nullptr);
    CHECK(gathered(queue) == "e after");
    CHECK(queue.unsent_bytes() == 7);
    REQUIRE(queue.consume(2) == &kept);
    CHECK(kept.next_ended() == nullptr);
    CHECK(gathered(queue) == "after");
    CHECK(queue.bytes() == 5);
    consume(queue, 5);
    CHECK(queue.empty());
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("an external send that is alone ends with its last byte", "[send_queue]") {
    net::SendQueue queue;
    Kept kept({"0123456789"});
    queue.append(kept);
    CHECK_FALSE(queue.is_one_chunk());
    CHECK(gathered(queue) == "0123456789");
    CHECK(queue.consume(9) == nullptr);
    CHECK_FALSE(queue.empty());
    CHECK(gathered(queue) == "9");
    CHECK(queue.consume(1) == &kept);
    CHECK(queue.empty());
    CHECK(queue.gather().empty());
}

TEST_CASE("an external send is sent by its own parts while it is alone", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 1);
    Kept first({"first"}), second({"second"});
    net::SendQueue queue;
    queue.append(first);
    const std::span<const io::ConstBuffer> alone = queue.gather();
    REQUIRE(alone.size() == 1);
    // What is appended during the send changes nothing of it.
    queue.append(second);
    REQUIRE(queue.append(chunks, bytes_of(" last")));
    CHECK(std::string(reinterpret_cast<const char*>(alone[0].data), alone[0].size) == "first");
    const std::size_t owned = queue.owned_bytes();
    CHECK(gathered(queue) == "firstsecond last");
    CHECK(queue.owned_bytes() > owned);  // the oldest has an array for the parts of all
    CHECK(queue.consume(2) == nullptr);
    CHECK(gathered(queue) == "rstsecond last");
    CHECK(queue.consume(3) == &first);
    CHECK(queue.owned_bytes() < owned);
    CHECK(gathered(queue) == "second last");
    CHECK(queue.consume(6) == &second);
    consume(queue, 5);
    CHECK(queue.empty());
}

TEST_CASE("several external sends end together, in their order", "[send_queue]") {
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 4);
    net::SendQueue queue;
    Kept first({"1"});
    Kept second({"2"});
    Kept third({"3"});
    queue.append(first);
    queue.append(second);
    REQUIRE(queue.append(chunks, bytes_of("-")));
    queue.append(third);
    REQUIRE(queue.consume(3) == &first);
    CHECK(first.next_ended() == &second);
    CHECK(second.next_ended() == nullptr);
    CHECK(gathered(queue) == "3");
    REQUIRE(queue.append(chunks, bytes_of("rest")));
    REQUIRE(queue.clear() == &third);
    CHECK(third.next_ended() == nullptr);
    CHECK(queue.empty());
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("any mixture of copied and external sends keeps the stream intact", "[send_queue]") {
    std::mt19937 random(11);
    io::BufferPool chunks(usual + net::SendQueue::chunk_overhead, 16);
    net::SendQueue queue;
    std::string expected;
    std::string sent;
    std::size_t made = 0;
    std::size_t ended = 0;
    std::size_t cost = 0;
    const auto text = [&](std::size_t bytes) {
        std::string made_text(bytes, ' ');
        for (char& c : made_text) {
            c = static_cast<char>(random());
        }
        expected += made_text;
        return made_text;
    };
    const auto take = [&](std::size_t count) {
        sent += gathered(queue).substr(0, count);
        for (auto* external = queue.consume(count); external != nullptr; ++ended) {
            const auto* kept = static_cast<Kept*>(external);
            external = external->next_ended();
            cost -= kept->cost();
            delete kept;
        }
    };
    for (int step = 0; step < 5'000; ++step) {
        if (random() % 3 == 0) {
            std::vector<std::string> texts;
            for (std::size_t parts = 1 + random() % 40; parts > 0; --parts) {
                texts.push_back(text(1 + random() % 60));
            }
            auto* kept = new Kept(std::move(texts));
            cost += kept->cost();
            queue.append(*kept);
            ++made;
        } else if (random() % 2 == 0) {
            REQUIRE(queue.append(chunks, bytes_of(text(random() % 700))));
        } else if (!queue.empty()) {
            take(1 + random() % gathered(queue).size());
        }
        REQUIRE(queue.bytes() == expected.size() - sent.size() + cost);
        REQUIRE(queue.unsent_bytes() == expected.size() - sent.size());
    }
    while (!queue.empty()) {
        take(gathered(queue).size());
    }
    CHECK(sent == expected);
    CHECK(ended == made);
    CHECK(chunks.in_use() == 0);
}

TEST_CASE("with external sends a queue owns at most twice what it counts, whatever lies between",
          "[send_queue]") {
    const std::size_t between = GENERATE(as<std::size_t>{}, 0, 1, 600, 4'096);
    CAPTURE(between);
    constexpr std::size_t limit = 1U << 20;
    constexpr std::uint32_t chunk_bytes = 65'536;
    io::BufferPool chunks(chunk_bytes + net::SendQueue::chunk_overhead, 256);
    net::SendQueue queue;
    const std::string message(between, 'x');
    std::vector<std::unique_ptr<Kept>> kept;
    REQUIRE(queue.append(chunks, bytes_of("first")));
    while (queue.bytes() < limit) {
        queue.append(*kept.emplace_back(std::make_unique<Kept>(std::vector<std::string>{"1"})));
        for (int i = 0; i < 2 && between != 0; ++i) {
            REQUIRE(queue.append(chunks, bytes_of(message)));
        }
    }
    CHECK(queue.owned_bytes() <= 2 * limit + chunk_bytes);
    CHECK(chunks.in_use() == 1);
    CHECK(queue.clear() == kept.front().get());
    CHECK(queue.owned_bytes() == 0);
}

TEST_CASE("a reservation is sent as far as it was used, and counts as a whole", "[send_queue]") {
    net::SendQueue queue;
    Kept kept({"0123456789"});
    const std::uint32_t whole = kept.bytes() + kept.cost();
    kept.shrink(4);
    CHECK(kept.bytes() == 4);
    CHECK(kept.bytes() + kept.cost() == whole);
    queue.append(kept);
    CHECK(gathered(queue) == "0123");
    CHECK(queue.consume(4) == &kept);
    CHECK(queue.empty());
}
