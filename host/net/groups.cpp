#include "net/groups.hpp"

#include <array>
#include <new>

#include "net/connection_table.hpp"
#include "net/delivery.hpp"

namespace portico::net {

// (If a slot changes hands meanwhile, the handle is stale. That does no harm.)
std::uint32_t Groups::list(const ConnectionTable& table, const ConnectionContext& context,
                           std::uint64_t& cursor, std::span<std::uint64_t> handles) noexcept {
    std::uint32_t count = 0;
    const std::uint32_t made = table.made();
    std::uint64_t slot = cursor;
    for (; slot < made && count < handles.size(); ++slot) {
        const Connection& connection = *table.at(static_cast<std::uint32_t>(slot));
        const std::uint64_t generation = connection.generation();
        if (connection.is_accepted_by(context, generation)) {
            handles[count++] = table.handle_of(connection.index(), generation);
        }
    }
    cursor = slot;
    return count;
}

Groups::Result Groups::join(const ConnectionTable& table, const ConnectionContext& context,
                            std::uint64_t handle, std::uint64_t group) noexcept {
    const ConnectionTable::Found found = table.find(handle);
    if (found.connection == nullptr) {
        return Result::gone;
    }
    const std::scoped_lock lock(mutex_);
    uses_.fetch_or(1, std::memory_order_acq_rel);
    if (!found.connection->takes_calls(context, found.generation)) {
        return Result::gone;
    }
    try {
        return memberships_.join(SlotKey(handle), found.connection->index(), group) ==
                       Memberships::Join::limit
                   ? Result::limit
                   : Result::ok;
    } catch (const std::bad_alloc&) {
        return Result::no_memory;
    }
}

Groups::Result Groups::leave(const ConnectionTable& table, const ConnectionContext& context,
                             std::uint64_t handle, std::uint64_t group) noexcept {
    const ConnectionTable::Found found = table.find(handle);
    if (found.connection == nullptr) {
        return Result::gone;
    }
    const std::scoped_lock lock(mutex_);
    if (!found.connection->takes_calls(context, found.generation)) {
        return Result::gone;
    }
    memberships_.leave(SlotKey(handle), found.connection->index(), group);
    return Result::ok;
}

void Groups::forget(const Connection& connection) noexcept {
    if (uses_.fetch_add(0, std::memory_order_acq_rel) != 0) {
        const std::scoped_lock lock(mutex_);
        memberships_.leave_all(SlotKey(connection.handle()), connection.index());
    }
}

std::vector<SlotKey> Groups::members(const ConnectionTable& table, const ConnectionContext& context,
                                     std::uint64_t group) {
    std::vector<SlotKey> members;
    if (group != 0) {
        const std::scoped_lock lock(mutex_);
        if (const std::vector<SlotKey>* found = memberships_.members_of(group); found != nullptr) {
            members = *found;
        }
        return members;
    }
    std::uint64_t cursor = 0;
    for (;;) {
        std::array<std::uint64_t, 256> handles;
        const std::uint32_t count = list(table, context, cursor, handles);
        for (const std::uint64_t handle : std::span(handles).first(count)) {
            members.emplace_back(handle);
        }
        if (count < handles.size()) {
            return members;
        }
    }
}

Groups::Result Groups::broadcast(const ConnectionTable& table, const ConnectionContext& context,
                                 std::uint64_t group, std::uint64_t except, const Parts& parts,
                                 WhenFull when_full) noexcept {
    try {
        const std::vector<SlotKey> to = members(table, context, group);
        if (to.empty()) {
            return Result::ok;
        }
        Delivery delivery(table, context, parts, to.size(), when_full == WhenFull::abort);
        for (const SlotKey key : to) {
            if (key.handle() != except) {
                delivery.to(key);
            }
        }
    } catch (const std::bad_alloc&) {
        return Result::no_memory;  // nothing has been sent: Delivery::to() does not throw
    }
    return Result::ok;
}

}  // namespace portico::net
