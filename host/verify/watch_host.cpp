// The plugin's calls of the host.
#include <cstring>
#include <new>

#include "verify/watch_internals.hpp"

namespace portico::verify {

namespace {

using Instance = portico_instance;
using Connection = portico_connection;

// What is posted, as the argument of the host's call. Null: out of memory.
Watch::Job* make_job(portico_post_function function, void* argument) noexcept;

}  // namespace

// Its functions stand in the table that plugins get.
struct HostFunctionsSide {
    static portico_status PORTICO_CALL send(Instance* instance, Connection connection,
                                            const void* data, std::uint64_t size) {
        return HostSide::call(Function::send, connection,
                              [&](const portico_host& host, Watch& watch) {
                                  watch.note_bytes(data, size);
                                  return host.send(instance, connection, data, size);
                              });
    }

    static portico_status PORTICO_CALL send_parts(Instance* instance, Connection connection,
                                                  const portico_part* parts, std::uint32_t count,
                                                  std::uint32_t stride) {
        return HostSide::call(
            Function::send_parts, connection, [&](const portico_host& host, Watch& watch) {
                watch.note(count);
                return host.send_parts(instance, connection, parts, count, stride);
            });
    }

    static portico_status PORTICO_CALL finish_sending(Instance* instance, Connection connection) {
        return HostSide::call(Function::finish_sending, connection,
                              [&](const portico_host& host, Watch&) {
                                  return host.finish_sending(instance, connection);
                              });
    }

    static portico_status PORTICO_CALL close(Instance* instance, Connection connection,
                                             std::uint32_t how) {
        return HostSide::call(Function::close, connection,
                              [&](const portico_host& host, Watch& watch) {
                                  watch.note(how);
                                  return host.close(instance, connection, how);
                              });
    }

    static portico_status PORTICO_CALL pause_reading(Instance* instance, Connection connection) {
        return HostSide::call(
            Function::pause_reading, connection, [&](const portico_host& host, Watch& watch) {
                const portico_status status = host.pause_reading(instance, connection);
                watch.reading_paused(connection, status);
                return status;
            });
    }

    static portico_status PORTICO_CALL resume_reading(Instance* instance, Connection connection) {
        return HostSide::call(
            Function::resume_reading, connection, [&](const portico_host& host, Watch& watch) {
                const portico_status status = host.resume_reading(instance, connection);
                watch.reading_resumed(connection, status);
                return status;
            });
    }

    static portico_status PORTICO_CALL post(Instance* instance, Connection connection,
                                            portico_post_function function, void* argument) {
        return HostSide::call(Function::post, connection, [&](const portico_host& host, Watch&) {
            if (function == nullptr) {
                return host.post(instance, connection, nullptr, argument);
            }
            Watch::Job* job = make_job(function, argument);
            if (job == nullptr) {
                return portico_status{PORTICO_NO_MEMORY};
            }
            const portico_status status = host.post(instance, connection, &PostedSide::posted, job);
            if (status != PORTICO_OK) {
                delete job;
            }
            return status;
        });
    }

    static portico_status PORTICO_CALL post_instance(Instance* instance,
                                                     portico_post_function function,
                                                     void* argument) {
        return HostSide::call(Function::post_instance, 0, [&](const portico_host& host, Watch&) {
            if (function == nullptr) {
                return host.post_instance(instance, nullptr, argument);
            }
            Watch::Job* job = make_job(function, argument);
            if (job == nullptr) {
                return portico_status{PORTICO_NO_MEMORY};
            }
            const portico_status status = host.post_instance(instance, &PostedSide::posted, job);
            if (status != PORTICO_OK) {
                delete job;
            }
            return status;
        });
    }

    static portico_status PORTICO_CALL info(Instance* instance, Connection connection,
                                            portico_connection_info* info) {
        return HostSide::call(Function::info, connection, [&](const portico_host& host, Watch&) {
            return host.info(instance, connection, info);
        });
    }

    // The clock of the simulated world.
    static std::uint64_t PORTICO_CALL now(Instance*) {
        const Watch::Inside inside;
        static std::uint64_t last = 0;  // under the gate
        if (inside.watch() != nullptr) {
            last = inside.watch()->scheduler_.now();
        }
        return last;
    }

    static void PORTICO_CALL log(Instance* instance, Connection connection, std::uint32_t level,
                                 const char* text, std::uint64_t size) {
        const Watch::Inside inside;
        if (const Watch* watch = inside.watch(); watch != nullptr && watch->host_ != nullptr) {
            watch->host_->log(instance, connection, level, text, size);
        }
    }

    static std::uint32_t PORTICO_CALL worker_index(Instance* instance) {
        const Watch::Inside inside;
        const Watch* watch = inside.watch();
        return watch != nullptr && watch->host_ != nullptr ? watch->host_->worker_index(instance)
                                                           : UINT32_MAX;
    }

    static const void* PORTICO_CALL get_extension(Instance* instance, const char* id,
                                                  std::uint64_t id_size) {
        const Watch::Inside inside;
        Watch* watch = inside.watch();
        if (watch == nullptr || watch->host_ == nullptr || id == nullptr) {
            return nullptr;
        }
        const std::string_view name(id, static_cast<std::size_t>(id_size));
        // The host's executor and its lookups would start threads. The watch has its own: lookups
        // are timers.
        if (name == PORTICO_EXT_EXECUTOR) {
            return ExtensionSide::table(name, nullptr);
        }
        if (name == PORTICO_EXT_RESOLVE) {
            constexpr std::string_view timers = PORTICO_EXT_TIMER;
            return ExtensionSide::table(
                name, watch->host_->get_extension(instance, timers.data(), timers.size()));
        }
        const void* real = watch->host_->get_extension(instance, id, id_size);
        if (real == nullptr) {
            return nullptr;
        }
        if (name == PORTICO_EXT_SETTINGS) {
            return &SettingsSide::table(real);
        }
        const void* own = ExtensionSide::table(name, real);
        return own != nullptr ? own : real;
    }
};

const portico_host& HostSide::table() noexcept {
    static constexpr char version[] = PORTICO_VERSION;
    static constexpr portico_host functions{sizeof(portico_host),
                                            PORTICO_ABI_MAJOR,
                                            PORTICO_ABI_MINOR,
                                            0,
                                            version,
                                            sizeof version - 1,
                                            &HostFunctionsSide::send,
                                            &HostFunctionsSide::send_parts,
                                            &HostFunctionsSide::finish_sending,
                                            &HostFunctionsSide::close,
                                            &HostFunctionsSide::pause_reading,
                                            &HostFunctionsSide::resume_reading,
                                            &HostFunctionsSide::post,
                                            &HostFunctionsSide::post_instance,
                                            &HostFunctionsSide::info,
                                            &HostFunctionsSide::now,
                                            &HostFunctionsSide::log,
                                            &HostFunctionsSide::worker_index,
                                            &HostFunctionsSide::get_extension};
    return functions;
}

namespace {

Watch::Job* make_job(portico_post_function function, void* argument) noexcept {
    auto* job = new (std::nothrow) Watch::Job;
    if (job != nullptr) {
        job->posted = function;
        job->argument = argument;
    }
    return job;
}

}  // namespace

}  // namespace portico::verify
