#include "plugin/send_owned_functions.hpp"

#include <atomic>

#include "net/connection_inline.hpp"
#include "net/worker.hpp"
#include "plugin/instance_use.hpp"
#include "plugin/send_results.hpp"

namespace portico::plugin {

namespace {

// Relaxed: the numbers only differ.
std::atomic<std::uint64_t> last_number{0};

// The reservation of the callback that runs on this thread, or an empty one; null outside of
// callbacks.
net::CallReservation* reservation_now() noexcept {
    net::Worker* worker = net::Worker::current();
    const std::uint64_t call = worker != nullptr ? worker->current_call().count() : 0;
    if (call % 2 == 0) {
        return nullptr;
    }
    net::CallReservation& reservation = worker->reservation();
    if (reservation.call != call) {
        reservation = {};
        reservation.call = call;
    }
    return &reservation;
}

}  // namespace

struct SendOwnedFunctions {
    static portico_status PORTICO_CALL send(portico_instance* handle, portico_connection connection,
                                            const portico_part* first, std::uint32_t count,
                                            std::uint32_t stride, portico_release_function release,
                                            void* argument) noexcept {
        const std::optional<net::Parts> parts = parts_of(first, count, stride);
        if (!parts || release == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.look_up(connection);
        return found.connection == nullptr
                   ? PORTICO_GONE
                   : status_of(found.connection->send_external(
                         *instance->context_, found.generation, *parts,
                         reinterpret_cast<net::AnyFunction>(release), argument));
    }

    static portico_status PORTICO_CALL reserve(portico_instance* handle,
                                               portico_connection connection, std::uint64_t size,
                                               void** data, std::uint64_t* buffer) noexcept {
        if (size == 0 || data == nullptr || buffer == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        const auto found = instance.find(connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        net::CallReservation* const reserved = reservation_now();
        if (reserved == nullptr || !found.connection->on_strand()) {
            return PORTICO_UNSUPPORTED;
        }
        if (reserved->memory.is_held()) {
            return PORTICO_INVALID;
        }
        if (size > UINT32_MAX) {
            return PORTICO_TOO_LARGE;
        }
        const net::SendResult result = found.connection->reserve(
            *instance->context_, found.generation, static_cast<std::uint32_t>(size),
            reserved->memory);
        if (result == net::SendResult::queued) {
            reserved->number = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
            reserved->context = instance->context_;
            reserved->connection = connection;
            *data = reserved->memory.data();
            *buffer = reserved->number;
        }
        return status_of(result);
    }

    // The reservation, if this callback of this instance has it.
    static net::CallReservation* held(const InstanceUse& instance, std::uint64_t buffer) noexcept {
        net::CallReservation* const reserved = reservation_now();
        return instance && reserved != nullptr && reserved->memory.is_held() &&
                       reserved->number == buffer && reserved->context == instance->context_
                   ? reserved
                   : nullptr;
    }

    static portico_status PORTICO_CALL commit(portico_instance* handle, std::uint64_t buffer,
                                              std::uint64_t used) noexcept {
        const InstanceUse instance(handle);
        net::CallReservation* const reserved = held(instance, buffer);
        if (reserved == nullptr) {
            return PORTICO_GONE;
        }
        if (used > reserved->memory.size()) {
            return PORTICO_INVALID;
        }
        if (used == 0) {
            reserved->memory = {};
            return PORTICO_OK;
        }
        const auto found = instance.look_up(reserved->connection);
        return status_of(found.connection->commit(*instance->context_, found.generation,
                                                  std::move(reserved->memory),
                                                  static_cast<std::uint32_t>(used)));
    }

    static portico_status PORTICO_CALL drop(portico_instance* handle,
                                            std::uint64_t buffer) noexcept {
        const InstanceUse instance(handle);
        net::CallReservation* const reserved = held(instance, buffer);
        if (reserved == nullptr) {
            return PORTICO_GONE;
        }
        reserved->memory = {};
        return PORTICO_OK;
    }

    [[nodiscard]] static const portico_send_owned& table() noexcept {
        static constexpr portico_send_owned functions{
            sizeof(portico_send_owned), 0, send, reserve, commit, drop};
        return functions;
    }
};

const portico_send_owned& send_owned_table() noexcept {
    return SendOwnedFunctions::table();
}

}  // namespace portico::plugin
