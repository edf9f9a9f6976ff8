// The queue of a sink: what it keeps, and what it drops.
#include "log/line_queue.hpp"

#include <string>

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("lines come out as they went in", "[log]") {
    log::LineQueue queue(4);
    std::string lines = "memory to give";
    queue.take(lines);
    CHECK(lines.empty());
    CHECK_FALSE(queue.push("one\n"));
    CHECK_FALSE(queue.push("two\n"));
    CHECK(queue.count() == 2);
    queue.take(lines);
    CHECK(lines == "one\ntwo\n");
    CHECK(queue.count() == 0);
}

TEST_CASE("a full queue drops its oldest line for each new one", "[log]") {
    constexpr int pushed = 10'000;
    const int kept = GENERATE(1, 2, 16, 1'000);
    log::LineQueue queue(static_cast<std::size_t>(kept));
    int dropped = 0;
    for (int i = 0; i < pushed; ++i) {
        dropped += queue.push(std::to_string(i) + "\n") ? 1 : 0;
    }
    CHECK(dropped == pushed - kept);
    std::string expected;
    for (int i = pushed - kept; i < pushed; ++i) {
        expected += std::to_string(i) + "\n";
    }
    CHECK(queue.count() == static_cast<std::size_t>(kept));
    std::string lines;
    queue.take(lines);
    CHECK(lines == expected);
}
