#include "plugin/connections_functions.hpp"

#include "plugin/instance_use.hpp"
#include "plugin/send_results.hpp"

namespace portico::plugin {

struct ConnectionsFunctions {
    static portico_status status_of(net::Groups::Result result) noexcept {
        switch (result) {
            case net::Groups::Result::ok: return PORTICO_OK;
            case net::Groups::Result::gone: return PORTICO_GONE;
            case net::Groups::Result::limit: return PORTICO_LIMIT;
            case net::Groups::Result::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL list(portico_instance* handle, std::uint64_t* cursor,
                                            portico_connection* connections, std::uint32_t capacity,
                                            std::uint32_t* count) noexcept {
        if (cursor == nullptr || connections == nullptr || capacity == 0 || count == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        *count = net::Groups::list(*instance->connections_, *instance->context_, *cursor,
                                   {connections, capacity});
        return PORTICO_OK;
    }

    static portico_status PORTICO_CALL join(portico_instance* handle, portico_connection connection,
                                            std::uint64_t group) noexcept {
        if (group == 0) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        return instance.connections() == nullptr
                   ? PORTICO_GONE
                   : status_of(instance->groups_.join(*instance->connections_, *instance->context_,
                                                      connection, group));
    }

    static portico_status PORTICO_CALL leave(portico_instance* handle,
                                             portico_connection connection,
                                             std::uint64_t group) noexcept {
        if (group == 0) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        return instance.connections() == nullptr
                   ? PORTICO_GONE
                   : status_of(instance->groups_.leave(*instance->connections_, *instance->context_,
                                                       connection, group));
    }

    static portico_status PORTICO_CALL broadcast(portico_instance* handle, std::uint64_t group,
                                                 portico_connection except,
                                                 const portico_part* first, std::uint32_t count,
                                                 std::uint32_t stride,
                                                 std::uint32_t when_full) noexcept {
        const std::optional<net::Parts> parts = parts_of(first, count, stride);
        if (!parts ||
            (when_full != PORTICO_WHEN_FULL_SKIP && when_full != PORTICO_WHEN_FULL_ABORT)) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        if (parts->bytes() > instance->context_->limits.max_send_bytes) {
            return PORTICO_TOO_LARGE;
        }
        if (parts->bytes() == 0) {
            return PORTICO_OK;
        }
        return status_of(instance->groups_.broadcast(
            *instance->connections_, *instance->context_, group, except, *parts,
            when_full == PORTICO_WHEN_FULL_ABORT ? net::Groups::WhenFull::abort
                                                 : net::Groups::WhenFull::skip));
    }

    [[nodiscard]] static const portico_connections& table() noexcept {
        static constexpr portico_connections functions{
            sizeof(portico_connections), 0, list, join, leave, broadcast};
        return functions;
    }
};

const portico_connections& connections_table() noexcept {
    return ConnectionsFunctions::table();
}

}  // namespace portico::plugin
