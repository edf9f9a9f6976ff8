// The functions that the host offers to plugins: the table portico_host.
#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/inline.hpp"
#include "net/connection_inline.hpp"
#include "net/worker.hpp"
#include "plugin/call_scope.hpp"
#include "plugin/connect_functions.hpp"
#include "plugin/connections_functions.hpp"
#include "plugin/executor_functions.hpp"
#include "plugin/instance.hpp"
#include "plugin/instance_use.hpp"
#include "plugin/metrics_functions.hpp"
#include "plugin/put_address.hpp"
#include "plugin/resolve_functions.hpp"
#include "plugin/send_owned_functions.hpp"
#include "plugin/send_results.hpp"
#include "plugin/settings_functions.hpp"
#include "plugin/timer_functions.hpp"

namespace portico::plugin {

struct Instance::InstancePost : net::Mail {
    Instance* instance = nullptr;
    portico_post_function function = nullptr;
    void* argument = nullptr;
};

portico_status Instance::post_instance(portico_post_function function, void* argument) noexcept {
    auto* made = new (std::nothrow) InstancePost;
    if (made == nullptr) {
        return PORTICO_NO_MEMORY;
    }
    const portico_status status = begin_post();
    if (status != PORTICO_OK) {
        delete made;
        return status;
    }
    made->instance = this;
    made->function = function;
    made->argument = argument;
    made->deliver = [](net::Mail& mail) noexcept {
        auto& post = static_cast<InstancePost&>(mail);
        Instance& instance = *post.instance;
        const bool closing = instance.is_finishing();
        net::Worker::current()->before_callback(*instance.context_);
        {
            const CallScope scope(posted_name, instance, nullptr, 0);
            post.function(instance.self_, 0, nullptr, post.argument,
                          closing ? PORTICO_CLOSING : PORTICO_OK);
        }
        delete &post;
        instance.end_post();
    };
    strand_.deliver(*made);
    return PORTICO_OK;
}

// All are noexcept: nothing may unwind into a plugin, which may be C.
struct HostFunctions {
    // More cannot be a structure of this kind.
    static constexpr std::uint32_t info_bytes_max = 65'536;

    static portico_status PORTICO_CALL send(portico_instance* handle, portico_connection connection,
                                            const void* data, std::uint64_t size) noexcept {
        const std::span<const std::byte> bytes{static_cast<const std::byte*>(data), size};
        // The usual case: an answer, from a callback of this very connection.
        net::Worker* worker = net::Worker::current();
        if (worker != nullptr && data != nullptr) [[likely]] {
            net::Connection* called = worker->current_call().object(
                reinterpret_cast<InstanceHandle*>(handle)->get(), connection);
            if (called != nullptr) [[likely]] {
                const net::SendResult result = called->send_in_callback(
                    net::ConnectionTable::generation_of(connection), bytes);
                return result == net::SendResult::queued ? PORTICO_OK : status_of(result);
            }
        }
        return send_from_elsewhere(handle, connection, bytes);
    }

    PORTICO_NEVER_INLINE static portico_status send_from_elsewhere(
        portico_instance* handle, portico_connection connection,
        std::span<const std::byte> bytes) noexcept {
        if (bytes.data() == nullptr && !bytes.empty()) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        // send() itself checks that the connection belongs to this instance.
        const auto found = instance.look_up(connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(found.connection->send(*instance->context_, found.generation, bytes));
    }

    static portico_status PORTICO_CALL send_parts(portico_instance* handle,
                                                  portico_connection connection,
                                                  const portico_part* first, std::uint32_t count,
                                                  std::uint32_t stride) noexcept {
        const std::optional<net::Parts> parts = parts_of(first, count, stride);
        if (!parts) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        return found.connection == nullptr ? PORTICO_GONE
                                           : status_of(found.connection->send_parts(
                                                 *instance->context_, found.generation, *parts));
    }

    static portico_status PORTICO_CALL finish_sending(portico_instance* handle,
                                                      portico_connection connection) noexcept {
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        return found.connection == nullptr
                   ? PORTICO_GONE
                   : status_of(found.connection->finish_sending(found.generation));
    }

    static portico_status PORTICO_CALL close(portico_instance* handle,
                                             portico_connection connection,
                                             std::uint32_t how) noexcept {
        if (how != PORTICO_CLOSE_GRACEFUL && how != PORTICO_CLOSE_ABORT) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(found.connection->close(found.generation, how == PORTICO_CLOSE_ABORT
                                                                       ? net::CloseHow::abort
                                                                       : net::CloseHow::graceful));
    }

    static portico_status PORTICO_CALL pause_reading(portico_instance* handle,
                                                     portico_connection connection) noexcept {
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        return found.connection == nullptr ? PORTICO_GONE
                                           : status_of(found.connection->pause(found.generation));
    }

    static portico_status PORTICO_CALL resume_reading(portico_instance* handle,
                                                      portico_connection connection) noexcept {
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        return found.connection == nullptr ? PORTICO_GONE
                                           : status_of(found.connection->resume(found.generation));
    }

    static portico_status PORTICO_CALL post(portico_instance* handle, portico_connection connection,
                                            portico_post_function function,
                                            void* argument) noexcept {
        if (function == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        const portico_status begun = instance->begin_post();
        if (begun != PORTICO_OK) {
            return begun;
        }
        const net::CallResult result = found.connection->post(
            found.generation, reinterpret_cast<net::AnyFunction>(function), argument);
        if (result != net::CallResult::accepted) {
            instance->end_post();
        }
        return status_of(result);
    }

    static portico_status PORTICO_CALL post_instance(portico_instance* handle,
                                                     portico_post_function function,
                                                     void* argument) noexcept {
        if (function == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        return instance.connections() == nullptr ? PORTICO_GONE
                                                 : instance->post_instance(function, argument);
    }

    // True inside a callback of this very connection.
    static bool is_own_callback(const InstanceUse& instance,
                                portico_connection connection) noexcept {
        net::Worker* worker = worker_in_callback_of(&*instance);
        return worker != nullptr && worker->current_call().connection() == connection;
    }

    static portico_status PORTICO_CALL info(portico_instance* handle, portico_connection connection,
                                            portico_connection_info* info) noexcept {
        if (info == nullptr || info->struct_size < sizeof(std::uint32_t) * 2 ||
            info->struct_size > info_bytes_max) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        net::Connection::Info known;
        if (found.connection == nullptr ||
            !found.connection->info(found.generation, is_own_callback(instance, connection),
                                    known)) {
            return PORTICO_GONE;
        }
        portico_connection_info filled{};
        filled.struct_size = info->struct_size;
        try {
            put_address(filled.peer, known.peer);
            put_address(filled.local, known.local);
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        }
        filled.queued_bytes = known.queued_bytes;
        const std::size_t size = info->struct_size;
        std::memset(static_cast<void*>(info), 0, size);  // also what only a newer host knows
        std::memcpy(static_cast<void*>(info), &filled, std::min(size, sizeof filled));
        return PORTICO_OK;
    }

    static std::uint64_t PORTICO_CALL now(portico_instance*) noexcept { return base::now_ns(); }

    static void PORTICO_CALL log(portico_instance* handle, portico_connection connection,
                                 std::uint32_t level, const char* text,
                                 std::uint64_t size) noexcept {
        const InstanceUse instance(handle);
        const auto known = level <= PORTICO_LOG_ERROR ? static_cast<base::LogLevel>(level)
                                                      : base::LogLevel::info;
        if (instance && text != nullptr && instance->log_.enabled(known)) {
            instance->log_.write(known, instance->listener_.name, connection, {text, size});
        }
    }

    static std::uint32_t PORTICO_CALL worker_index(portico_instance* handle) noexcept {
        // The number is below the worker_count of the instance's own server.
        const InstanceUse instance(handle);
        const net::Worker* worker = instance ? worker_in_callback_of(&*instance) : nullptr;
        return worker != nullptr ? worker->index() : UINT32_MAX;
    }

    static const void* PORTICO_CALL get_extension(portico_instance* handle, const char* id,
                                                  std::uint64_t id_size) noexcept;
};

const void* PORTICO_CALL HostFunctions::get_extension(portico_instance* handle, const char* id,
                                                      std::uint64_t id_size) noexcept {
    const InstanceUse instance(handle);
    if (!instance || id == nullptr) {
        return nullptr;
    }
    const std::string_view name(id, id_size);
    if (name == PORTICO_EXT_SETTINGS) {
        return &settings_table();
    }
    if (name == PORTICO_EXT_METRICS) {
        return &metrics_table();
    }
    if (name == PORTICO_EXT_TIMER) {
        return &timer_table();
    }
    if (name == PORTICO_EXT_SEND_OWNED) {
        return &send_owned_table();
    }
    if (name == PORTICO_EXT_CONNECT) {
        return &connect_table();
    }
    if (name == PORTICO_EXT_RESOLVE) {
        return &resolve_table();
    }
    if (name == PORTICO_EXT_EXECUTOR) {
        // (A check starts nothing.)
        const bool is_there = instance.connections() == nullptr || instance->start_executor();
        return is_there ? &executor_table() : nullptr;
    }
    if (name == PORTICO_EXT_CONNECTIONS) {
        return &connections_table();
    }
    return nullptr;
}

const portico_host& Instance::host_table() noexcept {
    static constexpr char version[] = PORTICO_VERSION;
    static constexpr portico_host table{sizeof(portico_host),
                                        PORTICO_ABI_MAJOR,
                                        PORTICO_ABI_MINOR,
                                        0,
                                        version,
                                        sizeof version - 1,
                                        HostFunctions::send,
                                        HostFunctions::send_parts,
                                        HostFunctions::finish_sending,
                                        HostFunctions::close,
                                        HostFunctions::pause_reading,
                                        HostFunctions::resume_reading,
                                        HostFunctions::post,
                                        HostFunctions::post_instance,
                                        HostFunctions::info,
                                        HostFunctions::now,
                                        HostFunctions::log,
                                        HostFunctions::worker_index,
                                        HostFunctions::get_extension};
    return table;
}

}  // namespace portico::plugin
