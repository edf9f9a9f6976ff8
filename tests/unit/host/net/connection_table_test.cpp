// The table of connections, none of them open.
#include "net/connection_table.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace portico;

TEST_CASE("a table hands out each slot once, then the one free for longest", "[net]") {
    const std::uint32_t count = GENERATE(1U, 256U, 257U, 600U);
    CAPTURE(count);
    net::ConnectionTable table(count);
    std::set<std::uint32_t> indices;
    std::vector<net::Connection*> taken;
    for (std::uint32_t i = 0; i < count; ++i) {
        taken.push_back(table.take());
        REQUIRE(taken.back() != nullptr);
        indices.insert(taken.back()->index());
    }
    CHECK(indices.size() == count);
    CHECK(table.take() == nullptr);
    for (net::Connection* connection : taken) {
        table.give_back(*connection);
    }
    for (net::Connection* connection : taken) {
        REQUIRE(table.take() == connection);
    }
    CHECK(table.take() == nullptr);
}

TEST_CASE("a handle is found only in its own table, and only if its slot exists", "[net]") {
    net::ConnectionTable table(300);
    const net::ConnectionTable other(300);
    CHECK(table.find(table.handle_of(0, 1)).connection == nullptr);
    net::Connection* first = table.take();
    REQUIRE(first != nullptr);
    const std::uint64_t handle = table.handle_of(first->index(), 5);
    CHECK(table.find(handle).connection == first);
    CHECK(table.find(handle).generation == 5);
    CHECK(other.find(handle).connection == nullptr);
    CHECK(table.find(0).connection == nullptr);
    CHECK(table.find(UINT64_MAX).connection == nullptr);
    CHECK(table.find(table.handle_of(299, 1)).connection == nullptr);  // no block of it yet
    table.give_back(*first);
}
