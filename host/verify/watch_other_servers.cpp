// The plugin's calls of the extensions that reach other servers.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "plugin/connect_functions.hpp"
#include "verify/watch_internals.hpp"

namespace portico::verify {

namespace {

using Instance = portico_instance;
using Connection = portico_connection;

// The host's own tables; the same for all instances.
const portico_connect* real_connect = nullptr;
const portico_timers* timers = nullptr;  // of lookups

// A lookup takes so long. Names that are none end in .invalid (RFC 6761); all others have the same
// address, one for documentation (RFC 5737).
constexpr std::uint32_t lookup_ms = 3;
constexpr std::uint32_t lookup_timeout_ms_default = 5'000;
constexpr std::string_view no_names = ".invalid";
constexpr std::array<std::uint8_t, 4> address_of_names = {192, 0, 2, 1};

// What connect reads at most, for a host that knows no more.
portico_target known_part(const portico_target& target) noexcept {
    portico_target known{};
    std::memcpy(&known, &target, std::min<std::size_t>(target.struct_size, sizeof known));
    known.struct_size = std::min<std::uint32_t>(target.struct_size, sizeof known);
    return known;
}

// How a lookup of that name will be answered.
void answer_lookup(const io::HostPort& where, portico_status wanted, Watch::Job& job) {
    job.answer = wanted;
    if (const std::optional<io::Address> literal = io::parse_address(where.host)) {
        job.answer = PORTICO_OK;  // nothing is looked up
        job.address = *literal;
    } else {
        job.address.family = io::Address::Family::v4;
        std::copy(address_of_names.begin(), address_of_names.end(), job.address.bytes.begin());
        if (wanted == PORTICO_OK && where.host.ends_with(no_names)) {
            job.answer = PORTICO_NOT_FOUND;
        }
    }
    job.address.port = where.port;
}

}  // namespace

struct OtherServersFunctionsSide {
    // ---- connections to other servers

    static portico_status PORTICO_CALL connect(Instance* instance, const portico_target* target,
                                               Connection* connection) {
        return HostSide::call(Function::connect, 0, [&](const portico_host&, Watch& watch) {
            // The stand-ins of unsound callbacks would be sound.
            if (target == nullptr || connection == nullptr ||
                !plugin::are_sound(target->callbacks)) {
                return real_connect->connect(instance, target, connection);
            }
            portico_target passed = known_part(*target);
            passed.callbacks = &OutboundSide::table(*target->callbacks);
            if (target->address != nullptr) {
                if (const std::optional<io::Address> address = plugin::address_of(
                        {target->address, static_cast<std::size_t>(target->address_size)})) {
                    watch.on_connect_(*address);
                }
            }
            const portico_status status = real_connect->connect(instance, &passed, connection);
            if (status == PORTICO_OK) {
                watch.line_of(*connection).callbacks = target->callbacks;
            }
            return status;
        });
    }

    static portico_status PORTICO_CALL find(Instance* instance, const char* upstream,
                                            std::uint64_t upstream_size, portico_upstream* found) {
        return HostSide::call(Function::find, 0, [&](const portico_host&, Watch&) {
            return real_connect->find(instance, upstream, upstream_size, found);
        });
    }

    // ---- names. A lookup is a timer: it ends in the same ways.

    static portico_status PORTICO_CALL resolve(Instance* instance, Connection connection,
                                               const char* name, std::uint64_t name_size,
                                               std::uint32_t timeout_ms,
                                               portico_resolved_function function, void* argument,
                                               portico_request* request) {
        return HostSide::call(
            Function::resolve, connection, [&](const portico_host&, Watch& watch) {
                if (name == nullptr || function == nullptr) {
                    return portico_status{PORTICO_INVALID};
                }
                base::Result<io::HostPort> where = io::parse_host_port(
                    {name, static_cast<std::size_t>(name_size)});
                if (!where || where->port == 0 || where->host == "*" ||
                    where->host.find('\0') != std::string::npos) {
                    return portico_status{PORTICO_INVALID};
                }
                if (!watch.instances_.contains(instance)) {
                    return portico_status{PORTICO_UNSUPPORTED};
                }
                auto job = std::make_unique<Watch::Job>();
                job->resolved = function;
                job->argument = argument;
                answer_lookup(*where, watch.options_.lookups, *job);
                const std::uint32_t patience_ms = timeout_ms != 0 ? timeout_ms
                                                                  : lookup_timeout_ms_default;
                if (patience_ms < lookup_ms) {
                    job->answer = PORTICO_TIMED_OUT;
                }
                const portico_status status = timers->start(
                    instance, connection,
                    job->answer == PORTICO_TIMED_OUT ? patience_ms : lookup_ms, 0,
                    &PostedSide::looked_up, job.get(), request);
                if (status == PORTICO_OK) {
                    static_cast<void>(job.release());
                }
                return status;
            });
    }

    static portico_status PORTICO_CALL cancel_lookup(Instance* instance, portico_request request) {
        return HostSide::call(Function::cancel_lookup, 0, [&](const portico_host&, Watch&) {
            return timers->cancel(instance, request);
        });
    }
};

const void* OtherServersSide::table(std::string_view id, const void* real) noexcept {
    using Functions = OtherServersFunctionsSide;
    static constexpr portico_connect connect{sizeof(portico_connect), 0, &Functions::connect,
                                             &Functions::find};
    static constexpr portico_resolve resolve{sizeof(portico_resolve), 0, &Functions::resolve,
                                             &Functions::cancel_lookup};
    if (id == PORTICO_EXT_CONNECT) {
        real_connect = static_cast<const portico_connect*>(real);
        return &connect;
    }
    if (id == PORTICO_EXT_RESOLVE) {
        timers = static_cast<const portico_timers*>(real);
        return &resolve;
    }
    return nullptr;
}

}  // namespace portico::verify
