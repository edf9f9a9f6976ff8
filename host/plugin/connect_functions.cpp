#include "plugin/connect_functions.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/connector.hpp"
#include "plugin/instance_use.hpp"
#include "plugin/loader.hpp"

namespace portico::plugin {

bool are_sound(const portico_callbacks* callbacks) noexcept {
    return callbacks != nullptr && callbacks->struct_size >= sizeof(portico_callbacks) &&
           callbacks->struct_size % 8 == 0 && callbacks->reserved == 0 &&
           callbacks->on_data != nullptr;
}

std::optional<io::Address> address_of(std::string_view text) {
    base::Result<io::HostPort> where = io::parse_host_port(text);
    if (!where || where->port == 0) {
        return std::nullopt;
    }
    std::optional<io::Address> address = io::parse_address(
        where->host.empty() ? std::string("127.0.0.1") : where->host);
    if (address) {
        address->port = where->port;
    }
    return address;
}

namespace {

// More cannot be a structure of this kind.
constexpr std::uint32_t upstream_bytes_max = 65'536;

// Exactly one of upstream and address is given.
bool is_sound(const portico_target& target) noexcept {
    return target.struct_size >= sizeof(portico_target) && target.struct_size % 8 == 0 &&
           (target.upstream == nullptr) != (target.address == nullptr) &&
           are_sound(target.callbacks);
}

portico_status status_of(net::Connector::Result result) noexcept {
    switch (result) {
        case net::Connector::Result::ok: return PORTICO_OK;
        case net::Connector::Result::not_yet: return PORTICO_UNSUPPORTED;
        case net::Connector::Result::limit: return PORTICO_LIMIT;
        case net::Connector::Result::gone: return PORTICO_GONE;
        case net::Connector::Result::no_memory: return PORTICO_NO_MEMORY;
    }
    return PORTICO_ERROR;
}

}  // namespace

struct ConnectFunctions {
    static portico_status PORTICO_CALL connect(portico_instance* handle,
                                               const portico_target* target,
                                               portico_connection* connection) noexcept {
        if (target == nullptr || connection == nullptr || !is_sound(*target)) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        try {
            return connect_with(instance, *target, *connection);
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        }
    }

    static portico_status connect_with(const InstanceUse& instance, const portico_target& given,
                                       portico_connection& connection) {
        net::Connector* const connector = instance->connector_;
        if (connector == nullptr) {
            return PORTICO_UNSUPPORTED;
        }
        net::Connector::Target target;
        if (given.upstream != nullptr) {
            target.upstream = connector->find({given.upstream, given.upstream_size});
            if (target.upstream == nullptr) {
                return PORTICO_NOT_FOUND;
            }
        } else if (const auto address = address_of({given.address, given.address_size})) {
            target.address = *address;
        } else {
            return PORTICO_INVALID;
        }
        if (given.beside != 0) {
            const net::ConnectionTable::Found beside = instance.look_up(given.beside);
            if (beside.connection == nullptr) {
                return PORTICO_GONE;
            }
            target.beside = beside.connection;
            target.beside_generation = beside.generation;
        }
        target.protocol = instance->outbound_callbacks(*given.callbacks);
        if (target.protocol == nullptr) {
            return PORTICO_LIMIT;
        }
        target.timeout_ms = given.timeout_ms;
        target.state = given.state;
        return status_of(connector->connect(target, connection));
    }

    static portico_status PORTICO_CALL find(portico_instance* handle, const char* name,
                                            std::uint64_t name_size,
                                            portico_upstream* found) noexcept {
        if (name == nullptr || found == nullptr || found->struct_size < sizeof(std::uint32_t) * 2 ||
            found->struct_size > upstream_bytes_max) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (!instance) {
            return PORTICO_GONE;
        }
        const std::vector<config::Upstream>& all = instance->listener_.upstreams;
        const auto its = std::find_if(all.begin(), all.end(), [&](const config::Upstream& one) {
            return one.name == std::string_view(name, name_size);
        });
        if (its == all.end()) {
            return PORTICO_NOT_FOUND;
        }
        const bool is_framed = its->framing.type != config::Framing::Type::none;
        portico_upstream known{};
        known.struct_size = found->struct_size;
        known.framing = framing_number(its->framing);
        known.max_send_bytes = its->limits.max_send_bytes;
        known.send_high_bytes = its->limits.send_queue_bytes;
        known.send_low_bytes = net::low_watermark(its->limits);
        known.max_message_bytes = is_framed ? its->framing.max_bytes : its->limits.unconsumed_bytes;
        known.connections_max = its->limits.connections;
        known.connect_timeout_ms = its->connect_timeout_ms;
        const std::size_t size = std::min<std::size_t>(known.struct_size, sizeof known);
        std::memset(found, 0, known.struct_size);
        std::memcpy(found, &known, size);
        return PORTICO_OK;
    }

    [[nodiscard]] static const portico_connect& table() noexcept {
        static constexpr portico_connect functions{sizeof(portico_connect), 0, connect, find};
        return functions;
    }
};

const portico_connect& connect_table() noexcept {
    return ConnectFunctions::table();
}

}  // namespace portico::plugin
