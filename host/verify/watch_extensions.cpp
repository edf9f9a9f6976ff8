// The plugin's calls of the extensions that reach connections.
#include <algorithm>
#include <new>

#include "base/clock.hpp"
#include "verify/watch_internals.hpp"

namespace portico::verify {

namespace {

using Instance = portico_instance;
using Connection = portico_connection;

// The host's own tables; the same for all instances.
const portico_timers* real_timers = nullptr;
const portico_send_owned* real_send_owned = nullptr;
const portico_connections* real_connections = nullptr;

// Blocking work takes so long, by the simulated clock.
constexpr std::uint64_t work_ns = 2 * base::nanoseconds_per_millisecond;

}  // namespace

struct ExtensionFunctionsSide {
    // ---- timers

    static portico_status PORTICO_CALL start(Instance* instance, Connection connection,
                                             std::uint32_t first_ms, std::uint32_t period_ms,
                                             portico_timer_function function, void* argument,
                                             portico_timer* timer) {
        return HostSide::call(
            Function::start_timer, connection, [&](const portico_host&, Watch& watch) {
                watch.timer_periods_.insert(first_ms);
                if (function == nullptr) {
                    return real_timers->start(instance, connection, first_ms, period_ms, nullptr,
                                              argument, timer);
                }
                auto* job = new (std::nothrow) Watch::Job;
                if (job == nullptr) {
                    return portico_status{PORTICO_NO_MEMORY};
                }
                job->timer = function;
                job->argument = argument;
                const portico_status status = real_timers->start(
                    instance, connection, first_ms, period_ms, &PostedSide::timer, job, timer);
                if (status != PORTICO_OK) {
                    delete job;
                }
                return status;
            });
    }

    static portico_status PORTICO_CALL restart(Instance* instance, portico_timer timer,
                                               std::uint32_t first_ms, std::uint32_t period_ms) {
        return HostSide::call(Function::restart_timer, 0, [&](const portico_host&, Watch& watch) {
            watch.timer_periods_.insert(first_ms);
            return real_timers->restart(instance, timer, first_ms, period_ms);
        });
    }

    static portico_status PORTICO_CALL cancel(Instance* instance, portico_timer timer) {
        return HostSide::call(Function::cancel_timer, 0, [&](const portico_host&, Watch&) {
            return real_timers->cancel(instance, timer);
        });
    }

    // ---- sends without a copy

    static portico_status PORTICO_CALL send(Instance* instance, Connection connection,
                                            const portico_part* parts, std::uint32_t count,
                                            std::uint32_t stride, portico_release_function release,
                                            void* argument) {
        return HostSide::call(Function::send_owned, connection, [&](const portico_host&, Watch&) {
            if (release == nullptr) {
                return real_send_owned->send(instance, connection, parts, count, stride, nullptr,
                                             argument);
            }
            auto* job = new (std::nothrow) Watch::Job;
            if (job == nullptr) {
                return portico_status{PORTICO_NO_MEMORY};
            }
            job->release = release;
            job->argument = argument;
            const portico_status status = real_send_owned->send(instance, connection, parts, count,
                                                                stride, &PostedSide::released, job);
            if (status != PORTICO_OK) {
                delete job;
            }
            return status;
        });
    }

    static portico_status PORTICO_CALL reserve(Instance* instance, Connection connection,
                                               std::uint64_t size, void** data,
                                               std::uint64_t* buffer) {
        return HostSide::call(Function::reserve, connection, [&](const portico_host&, Watch&) {
            return real_send_owned->reserve(instance, connection, size, data, buffer);
        });
    }

    static portico_status PORTICO_CALL commit(Instance* instance, std::uint64_t buffer,
                                              std::uint64_t used) {
        return HostSide::call(Function::commit, 0, [&](const portico_host&, Watch&) {
            return real_send_owned->commit(instance, buffer, used);
        });
    }

    static portico_status PORTICO_CALL drop(Instance* instance, std::uint64_t buffer) {
        return HostSide::call(Function::drop, 0, [&](const portico_host&, Watch&) {
            return real_send_owned->drop(instance, buffer);
        });
    }

    // ---- connections and groups

    static portico_status PORTICO_CALL list(Instance* instance, std::uint64_t* cursor,
                                            Connection* connections, std::uint32_t capacity,
                                            std::uint32_t* count) {
        return HostSide::call(Function::list, 0, [&](const portico_host&, Watch&) {
            return real_connections->list(instance, cursor, connections, capacity, count);
        });
    }

    static portico_status PORTICO_CALL join(Instance* instance, Connection connection,
                                            std::uint64_t group) {
        return HostSide::call(Function::join, connection, [&](const portico_host&, Watch&) {
            return real_connections->join(instance, connection, group);
        });
    }

    static portico_status PORTICO_CALL leave(Instance* instance, Connection connection,
                                             std::uint64_t group) {
        return HostSide::call(Function::leave, connection, [&](const portico_host&, Watch&) {
            return real_connections->leave(instance, connection, group);
        });
    }

    static portico_status PORTICO_CALL broadcast(Instance* instance, std::uint64_t group,
                                                 Connection except, const portico_part* parts,
                                                 std::uint32_t count, std::uint32_t stride,
                                                 std::uint32_t when_full) {
        return HostSide::call(Function::broadcast, 0, [&](const portico_host&, Watch&) {
            return real_connections->broadcast(instance, group, except, parts, count, stride,
                                               when_full);
        });
    }

    // ---- blocking work: done by the thread that drives the run, when its time has come

    static portico_status PORTICO_CALL run(Instance* instance, Connection connection,
                                           portico_work_function work, portico_post_function done,
                                           void* argument) {
        return HostSide::call(
            Function::run, connection, [&](const portico_host& host, Watch& watch) {
                if (work == nullptr || done == nullptr) {
                    return portico_status{PORTICO_INVALID};
                }
                const auto self = watch.instances_.find(instance);
                if (self == watch.instances_.end()) {
                    return portico_status{PORTICO_UNSUPPORTED};
                }
                const auto line = watch.lines_.find(connection);
                const bool is_over = line == watch.lines_.end() || line->second.is_closed ||
                                     line->second.is_in_close;
                portico_connection_info info{};
                info.struct_size = sizeof info;
                if (connection != 0 &&
                    (is_over || host.info(instance, connection, &info) != PORTICO_OK)) {
                    return portico_status{PORTICO_GONE};
                }
                watch.work_.push_back({watch.scheduler_.now() + work_ns, instance, connection, work,
                                       done, argument, self->second});
                return portico_status{PORTICO_OK};
            });
    }
};

const void* ExtensionSide::table(std::string_view id, const void* real) noexcept {
    using Functions = ExtensionFunctionsSide;
    static constexpr portico_timers timers{sizeof(portico_timers), 0, &Functions::start,
                                           &Functions::restart, &Functions::cancel};
    static constexpr portico_send_owned send_owned{sizeof(portico_send_owned), 0,
                                                   &Functions::send,           &Functions::reserve,
                                                   &Functions::commit,         &Functions::drop};
    static constexpr portico_connections connections{
        sizeof(portico_connections), 0, &Functions::list, &Functions::join, &Functions::leave,
        &Functions::broadcast};
    static constexpr portico_executor executor{sizeof(portico_executor), 0, &Functions::run};
    if (id == PORTICO_EXT_TIMER) {
        real_timers = static_cast<const portico_timers*>(real);
        return &timers;
    }
    if (id == PORTICO_EXT_SEND_OWNED) {
        real_send_owned = static_cast<const portico_send_owned*>(real);
        return &send_owned;
    }
    if (id == PORTICO_EXT_CONNECTIONS) {
        real_connections = static_cast<const portico_connections*>(real);
        return &connections;
    }
    return id == PORTICO_EXT_EXECUTOR ? &executor : OtherServersSide::table(id, real);
}

}  // namespace portico::verify
