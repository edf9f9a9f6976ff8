// An instance's connections as a whole: their list, groups of them, and broadcasts.
//
// A broadcast copies its bytes once, and the keys of the group's members. Then it reserves room at
// one member after the other (sharing.hpp), in the order of their slots, without a lock. Members
// whose home's thread will bring them the bytes are gathered in walks (walks.hpp), one message for
// up to Delivery::walk_members of them.
//
// Concurrency. mutex_ guards the memberships; it is held while some keys are compared or copied,
// and for no member. A connection that ends leaves its groups (forget) after its word was marked as
// closing, and a join looks at the word under the lock. So either the join sees the mark, or
// forget() comes after it and finds the membership. An instance that never had a group does not
// lock in forget(): uses_ has only read-modify-writes, all acq_rel. If the one of forget() comes
// first, the join's acquires it, and with it the mark; else forget() sees that there are groups.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>

#include "net/memberships.hpp"
#include "net/parts.hpp"

namespace portico::net {

class Groups {
public:
    enum class Result : std::uint8_t { ok, gone, limit, no_memory };
    enum class WhenFull : std::uint8_t { skip, abort };

    Groups() = default;
    Groups(const Groups&) = delete;
    Groups& operator=(const Groups&) = delete;

    // ---- From any thread. `context`: of the instance; connections of others are gone for it.
    // The handles of its accepted connections from slot `cursor` on, in the order of the slots,
    // which is left at the slot after the last one. Fewer than there is room for: these were the
    // last.
    [[nodiscard]] static std::uint32_t list(const ConnectionTable& table,
                                            const ConnectionContext& context, std::uint64_t& cursor,
                                            std::span<std::uint64_t> handles) noexcept;

    [[nodiscard]] Result join(const ConnectionTable& table, const ConnectionContext& context,
                              std::uint64_t handle, std::uint64_t group) noexcept;
    [[nodiscard]] Result leave(const ConnectionTable& table, const ConnectionContext& context,
                               std::uint64_t handle, std::uint64_t group) noexcept;
    // Sends the parts, at least one byte, to all members of the group (0: to all accepted ones),
    // except the connection with this handle.
    [[nodiscard]] Result broadcast(const ConnectionTable& table, const ConnectionContext& context,
                                   std::uint64_t group, std::uint64_t except, const Parts& parts,
                                   WhenFull when_full) noexcept;

    // On the strand of a connection that is over: it leaves all of its groups.
    void forget(const Connection& connection) noexcept;

private:
    [[nodiscard]] std::vector<SlotKey> members(const ConnectionTable& table,
                                               const ConnectionContext& context,
                                               std::uint64_t group);

    std::atomic<std::uint32_t> uses_{0};  // above 0 after the first join
    std::mutex mutex_;
    Memberships memberships_;  // under mutex_
};

}  // namespace portico::net
