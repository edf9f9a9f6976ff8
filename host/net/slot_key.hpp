// A connection's handle, turned so that its slot's index comes first: keys in ascending order lead
// through the memory of the connections in one direction.
#pragma once

#include <bit>
#include <cstdint>

#include "net/connection_table.hpp"

namespace portico::net {

class SlotKey {
public:
    explicit SlotKey(std::uint64_t handle) noexcept
        : bits_(std::rotr(handle, ConnectionTable::index_bits)) {}

    [[nodiscard]] std::uint64_t handle() const noexcept {
        return std::rotl(bits_, ConnectionTable::index_bits);
    }

    // For lists of keys: a key can be struck out and keeps its place. (No handle looks like that,
    // because generations begin at 1.)
    void strike() noexcept { bits_ = bits_ >> upper_bits << upper_bits; }
    [[nodiscard]] bool is_struck() const noexcept {
        return bits_ << ConnectionTable::index_bits == 0;
    }

    friend bool operator==(SlotKey, SlotKey) noexcept = default;
    friend bool operator<(SlotKey a, SlotKey b) noexcept { return a.bits_ < b.bits_; }
    // As for sorting, whatever lives in the slots.
    [[nodiscard]] static bool is_lower_slot(SlotKey a, SlotKey b) noexcept {
        return a.bits_ >> upper_bits < b.bits_ >> upper_bits;
    }

private:
    static constexpr std::uint32_t upper_bits = 64 - ConnectionTable::index_bits;

    std::uint64_t bits_;
};

}  // namespace portico::net
