#include "plugin/timer_functions.hpp"

#include "base/inline.hpp"
#include "net/timers_inline.hpp"
#include "plugin/instance_use.hpp"

namespace portico::plugin {

struct TimerFunctions {
    static portico_status status_of(net::Timers::Result result) noexcept {
        switch (result) {
            case net::Timers::Result::ok: return PORTICO_OK;
            case net::Timers::Result::gone: return PORTICO_GONE;
            case net::Timers::Result::limit: return PORTICO_LIMIT;
            case net::Timers::Result::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL start(portico_instance* handle,
                                             portico_connection connection, std::uint32_t first_ms,
                                             std::uint32_t period_ms,
                                             portico_timer_function function, void* argument,
                                             portico_timer* timer) noexcept {
        if (function == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        net::ConnectionTable::Found found;
        if (connection != 0) {
            found = instance.look_up(connection);
            if (found.connection == nullptr) {
                return PORTICO_GONE;
            }
        }
        portico_timer ignored = 0;
        return status_of(net::Timers::start(
            instance->connections_->timers(), instance->timers_, found.connection, found.generation,
            {first_ms, period_ms, reinterpret_cast<net::AnyFunction>(function), argument},
            timer != nullptr ? *timer : ignored));
    }

    // A restart comes with each message, so it is in three parts, none of which needs a stack for
    // the next: the look-up, the quick restart, and all others.
    static portico_status PORTICO_CALL restart(portico_instance* handle, portico_timer timer,
                                               std::uint32_t first_ms,
                                               std::uint32_t period_ms) noexcept {
        const Instance* const own = reinterpret_cast<InstanceHandle*>(handle)->get();
        if (net::Worker* worker = worker_in_callback_of(own); worker != nullptr) [[likely]] {
            net::TimerRecord* record = own->connections_->timers().find_of(
                worker->group().timers(), timer);
            if (record != nullptr) [[likely]] {
                return restart_found(handle, timer, first_ms, period_ms, *record, *worker);
            }
        }
        return restart_slowly(handle, timer, first_ms, period_ms);
    }

    PORTICO_NEVER_INLINE static portico_status restart_found(
        portico_instance* handle, portico_timer timer, std::uint32_t first_ms,
        std::uint32_t period_ms, net::TimerRecord& record, net::Worker& worker) noexcept {
        return net::Timers::restart_quickly(worker.group().timers(), record,
                                            worker.current_call().object(), timer, first_ms,
                                            period_ms)
                   ? PORTICO_OK
                   : restart_slowly(handle, timer, first_ms, period_ms);
    }

    PORTICO_COLD static portico_status restart_slowly(portico_instance* handle, portico_timer timer,
                                                      std::uint32_t first_ms,
                                                      std::uint32_t period_ms) noexcept {
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(net::Timers::restart(instance->connections_->timers(), instance->timers_,
                                              timer, first_ms, period_ms));
    }

    static portico_status PORTICO_CALL cancel(portico_instance* handle,
                                              portico_timer timer) noexcept {
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(
            net::Timers::cancel(instance->connections_->timers(), instance->timers_, timer));
    }

    [[nodiscard]] static const portico_timers& table() noexcept {
        static constexpr portico_timers timers{sizeof(portico_timers), 0, start, restart, cancel};
        return timers;
    }
};

const portico_timers& timer_table() noexcept {
    return TimerFunctions::table();
}

}  // namespace portico::plugin
