// Which connections are in which group of an instance. A group exists as long as it has a member.
//
// Each group has the keys of its members in ascending order, and each slot that is in a group has
// the list of its groups, by which a connection leaves all of them when it ends. The lists of the
// slots are in pages, which are made with the first join of one of their slots.
//
// Not synchronised: Groups locks.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/slot_key.hpp"

namespace portico::net {

class Memberships {
public:
    // Groups of one connection.
    static constexpr std::uint32_t groups_max = 1'024;

    enum class Join : std::uint8_t { joined, was_member, limit };
    // Throws std::bad_alloc; then nothing has changed. `slot`: of the member.
    Join join(SlotKey member, std::uint32_t slot, std::uint64_t group);
    // Does nothing if it is not a member.
    void leave(SlotKey member, std::uint32_t slot, std::uint64_t group) noexcept;
    void leave_all(SlotKey member, std::uint32_t slot) noexcept;

    // In ascending order; null if there is no such group.
    [[nodiscard]] const std::vector<SlotKey>* members_of(std::uint64_t group) const noexcept;

private:
    static constexpr std::uint32_t none = UINT32_MAX;
    static constexpr std::uint32_t page_slots = 256;

    struct Group {
        std::uint64_t number = 0;
        std::vector<SlotKey> members;
    };
    // One membership, in the list of its slot.
    struct Record {
        Group* group = nullptr;
        std::uint32_t next = none;
    };
    struct Slot {
        std::uint32_t first = none;
        std::uint32_t count = 0;
    };
    using Page = std::array<Slot, page_slots>;

    [[nodiscard]] Slot* find(std::uint32_t slot) noexcept;
    [[nodiscard]] Slot& make(std::uint32_t slot);
    void remove(Group& group, SlotKey member) noexcept;
    void free(std::uint32_t record) noexcept;

    std::unordered_map<std::uint64_t, Group> groups_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::vector<Record> records_;
    std::uint32_t free_ = none;  // the first free record
};

}  // namespace portico::net
