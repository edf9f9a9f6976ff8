// Groups of an instance's connections, broadcasts to them, and the list of all connections
// (ext/connections.h). plugin<P>::groups() gives them.
#ifndef PORTICO_CPP_GROUPS_HPP
#define PORTICO_CPP_GROUPS_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "../ext/connections.h"
#include "handle.hpp"

namespace portico {

// What becomes of a member whose send queue is full.
enum class when_full : std::uint32_t {
    skip = PORTICO_WHEN_FULL_SKIP,
    abort = PORTICO_WHEN_FULL_ABORT,
};

// A small value, which may be copied and used from any thread. If this host has no groups, its
// functions answer PORTICO_UNSUPPORTED.
class groups {
public:
    groups(const instance_handle &instance, const portico_connections *table) noexcept
        : instance_(instance), table_(table) {}

    explicit operator bool() const noexcept { return table_ != nullptr; }

    // A connection leaves its groups by itself when it closes. A group is not 0.
    portico_status join(const connection_handle &connection, std::uint64_t group) const noexcept {
        return table_ == nullptr ? PORTICO_UNSUPPORTED
                                 : table_->join(instance_.raw(), connection.id(), group);
    }
    portico_status leave(const connection_handle &connection, std::uint64_t group) const noexcept {
        return table_ == nullptr ? PORTICO_UNSUPPORTED
                                 : table_->leave(instance_.raw(), connection.id(), group);
    }

    // Sends one message to all members of a group (0: to all connections), except one. It may come
    // between two pieces of what send_all is sending to a member: a plugin whose replies may be
    // larger than the send queue has no groups, or frames each piece.
    portico_status broadcast(std::uint64_t group, std::string_view bytes,
                             when_full how = when_full::skip,
                             const connection_handle &except = connection_handle()) const noexcept {
        return broadcast(group, {part(bytes)}, how, except);
    }
    portico_status broadcast(std::uint64_t group, std::initializer_list<part> parts,
                             when_full how = when_full::skip,
                             const connection_handle &except = connection_handle()) const noexcept {
        if (table_ == nullptr || parts.size() > UINT32_MAX) {
            return table_ == nullptr ? PORTICO_UNSUPPORTED : PORTICO_INVALID;
        }
        return table_->broadcast(instance_.raw(), group, except.id(), parts.begin(),
                                 static_cast<std::uint32_t>(parts.size()),
                                 static_cast<std::uint32_t>(sizeof(part)),
                                 static_cast<std::uint32_t>(how));
    }

    // The instance's connections, as they are now. Throws std::bad_alloc.
    std::vector<connection_handle> list() const {
        std::vector<connection_handle> all;
        constexpr std::uint32_t room = 256;
        portico_connection some[room];
        std::uint32_t count = table_ != nullptr ? room : 0;
        for (std::uint64_t cursor = 0; count == room;) {
            if (table_->list(instance_.raw(), &cursor, some, room, &count) != PORTICO_OK) {
                break;
            }
            for (std::uint32_t i = 0; i < count; ++i) {
                all.push_back(instance_.connection(some[i]));
            }
        }
        return all;
    }

private:
    instance_handle instance_;
    const portico_connections *table_;
};

}  // namespace portico

#endif
