// The stash: order and memory.
#include "net/stash.hpp"

#include <random>
#include <string>

#include "support/catch.hpp"

using namespace portico;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

TEST_CASE("a stash keeps its bytes in order and owns nothing when empty", "[stash]") {
    std::mt19937 random(11);
    net::Stash stash;
    std::string expected;
    for (int step = 0; step < 5'000; ++step) {
        std::string more(random() % 300, ' ');
        for (char& c : more) {
            c = static_cast<char>(random());
        }
        REQUIRE(stash.append(bytes_of(more)));
        expected += more;
        const std::size_t taken = expected.empty() ? 0 : random() % (expected.size() + 1);
        stash.consume(taken);
        expected.erase(0, taken);
        const auto held = stash.bytes();
        REQUIRE(std::string(reinterpret_cast<const char*>(held.data()), held.size()) == expected);
        REQUIRE(stash.empty() == expected.empty());
    }
}
