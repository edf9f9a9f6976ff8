// The memberships of an instance's groups.
#include "net/memberships.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "support/catch.hpp"

using namespace portico;
using net::Memberships;
using net::SlotKey;

namespace {

std::uint64_t handle_of(std::uint32_t slot, std::uint64_t generation = 1) {
    return generation << net::ConnectionTable::index_bits | slot;
}

std::vector<std::uint64_t> members_of(const Memberships& memberships, std::uint64_t group) {
    std::vector<std::uint64_t> handles;
    if (const std::vector<SlotKey>* members = memberships.members_of(group); members != nullptr) {
        for (const SlotKey key : *members) {
            handles.push_back(key.handle());
        }
    }
    return handles;
}

}  // namespace

TEST_CASE("a key gives its handle back, sorts by slot, and can be struck out", "[memberships]") {
    const SlotKey low(handle_of(3, 1'000)), high(handle_of(4, 1));
    CHECK(low.handle() == handle_of(3, 1'000));
    CHECK(low < high);
    CHECK(SlotKey::is_lower_slot(low, high));
    SlotKey struck = low;
    CHECK(!struck.is_struck());
    struck.strike();
    CHECK(struck.is_struck());
    CHECK(!SlotKey::is_lower_slot(low, struck));
    CHECK(!SlotKey::is_lower_slot(struck, low));
    CHECK(!(struck == low));
}

TEST_CASE("a group exists as long as it has a member", "[memberships]") {
    Memberships memberships;
    CHECK(memberships.members_of(7) == nullptr);
    const SlotKey first(handle_of(900)), second(handle_of(5));
    CHECK(memberships.join(first, 900, 7) == Memberships::Join::joined);
    CHECK(memberships.join(second, 5, 7) == Memberships::Join::joined);
    CHECK(memberships.join(first, 900, 7) == Memberships::Join::was_member);
    CHECK(members_of(memberships, 7) == std::vector{handle_of(5), handle_of(900)});
    memberships.leave(second, 5, 8);
    memberships.leave(second, 5, 7);
    memberships.leave(second, 5, 7);
    CHECK(members_of(memberships, 7) == std::vector{handle_of(900)});
    memberships.leave_all(first, 900);
    memberships.leave_all(first, 900);
    memberships.leave_all(SlotKey(handle_of(100'000)), 100'000);
    CHECK(memberships.members_of(7) == nullptr);
}

TEST_CASE("a connection can be in so many groups", "[memberships]") {
    Memberships memberships;
    const SlotKey key(handle_of(1));
    for (std::uint64_t group = 1; group <= Memberships::groups_max; ++group) {
        REQUIRE(memberships.join(key, 1, group) == Memberships::Join::joined);
    }
    CHECK(memberships.join(key, 1, 5'000) == Memberships::Join::limit);
    CHECK(memberships.members_of(5'000) == nullptr);
    CHECK(memberships.join(SlotKey(handle_of(2)), 2, 5'000) == Memberships::Join::joined);
    memberships.leave(key, 1, 17);
    CHECK(memberships.join(key, 1, 5'000) == Memberships::Join::joined);
    memberships.leave_all(key, 1);
    CHECK(members_of(memberships, 5'000) == std::vector{handle_of(2)});
}

TEST_CASE("joins and leaves at random end with the members of a plain set", "[memberships]") {
    std::mt19937 random(5);
    Memberships memberships;
    std::map<std::uint64_t, std::set<std::uint32_t>> model;
    std::map<std::uint32_t, std::uint64_t> generations;
    for (int step = 0; step < 20'000; ++step) {
        const auto slot = static_cast<std::uint32_t>(random() % 700);
        const std::uint64_t group = 1 + random() % 20;
        const SlotKey key(handle_of(slot, 1 + generations[slot]));
        switch (random() % 8) {
            case 0:
                memberships.leave_all(key, slot);
                ++generations[slot];
                for (auto& [number, members] : model) {
                    members.erase(slot);
                }
                break;
            case 1:
            case 2:
            case 3:
                memberships.leave(key, slot, group);
                model[group].erase(slot);
                break;
            default:
                CHECK(memberships.join(key, slot, group) == (model[group].insert(slot).second
                                                                 ? Memberships::Join::joined
                                                                 : Memberships::Join::was_member));
                break;
        }
    }
    for (std::uint64_t group = 1; group <= 20; ++group) {
        std::vector<std::uint64_t> expected;
        for (const std::uint32_t slot : model[group]) {
            expected.push_back(handle_of(slot, 1 + generations[slot]));
        }
        CHECK(members_of(memberships, group) == expected);
    }
}
