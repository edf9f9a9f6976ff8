// The plugin's callbacks, as net calls them: what they are told, and what their answers mean.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "base/inline.hpp"
#include "net/connection.hpp"
#include "plugin/call_scope.hpp"
#include "plugin/instance.hpp"
#include "portico/ext/send_owned.h"
#include "portico/ext/timer.h"

namespace portico::plugin {

namespace {

static_assert(static_cast<std::uint32_t>(net::CloseReason::plugin) == PORTICO_REASON_PLUGIN);
static_assert(static_cast<std::uint32_t>(net::CloseReason::peer) == PORTICO_REASON_PEER);
static_assert(static_cast<std::uint32_t>(net::CloseReason::reset) == PORTICO_REASON_RESET);
static_assert(static_cast<std::uint32_t>(net::CloseReason::error) == PORTICO_REASON_ERROR);
static_assert(static_cast<std::uint32_t>(net::CloseReason::plugin_error) ==
              PORTICO_REASON_PLUGIN_ERROR);
static_assert(static_cast<std::uint32_t>(net::CloseReason::idle) == PORTICO_REASON_IDLE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::half_close) ==
              PORTICO_REASON_HALF_CLOSE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::frame) == PORTICO_REASON_FRAME);
static_assert(static_cast<std::uint32_t>(net::CloseReason::unconsumed) ==
              PORTICO_REASON_UNCONSUMED);
static_assert(static_cast<std::uint32_t>(net::CloseReason::drain) == PORTICO_REASON_DRAIN);
static_assert(static_cast<std::uint32_t>(net::CloseReason::drain_deadline) ==
              PORTICO_REASON_DRAIN_DEADLINE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::no_memory) == PORTICO_REASON_NO_MEMORY);

static_assert(static_cast<std::uint32_t>(net::CloseReason::connect_failed) ==
              PORTICO_REASON_CONNECT_FAILED);
static_assert(static_cast<std::uint32_t>(net::CloseReason::connect_timeout) ==
              PORTICO_REASON_CONNECT_TIMEOUT);

static_assert(static_cast<std::uint32_t>(net::DrainReason::stop) == PORTICO_DRAIN_STOP);
static_assert(static_cast<std::uint32_t>(net::DrainReason::reload) == PORTICO_DRAIN_RELOAD);
static_assert(static_cast<std::uint32_t>(net::DrainReason::take_over) == PORTICO_DRAIN_TAKE_OVER);
static_assert(static_cast<std::uint32_t>(net::DrainReason::admin) == PORTICO_DRAIN_ADMIN);

// Each instance logs at most one failure of a callback in this time.
constexpr std::uint64_t failure_log_interval_ns = 10 * base::nanoseconds_per_second;

std::string status_text(portico_status status) {
    const auto named = [&](const char* name) {
        return std::string(name) + " (" + std::to_string(status) + ")";
    };
    switch (status) {
        case PORTICO_ERROR: return named("PORTICO_ERROR");
        case PORTICO_GONE: return named("PORTICO_GONE");
        case PORTICO_WOULD_BLOCK: return named("PORTICO_WOULD_BLOCK");
        case PORTICO_TOO_LARGE: return named("PORTICO_TOO_LARGE");
        case PORTICO_CLOSING: return named("PORTICO_CLOSING");
        case PORTICO_INVALID: return named("PORTICO_INVALID");
        case PORTICO_NO_MEMORY: return "out of memory, " + named("PORTICO_NO_MEMORY");
        case PORTICO_UNSUPPORTED: return named("PORTICO_UNSUPPORTED");
        case PORTICO_LIMIT: return named("PORTICO_LIMIT");
        case PORTICO_NOT_FOUND: return named("PORTICO_NOT_FOUND");
        case PORTICO_WRONG_TYPE: return named("PORTICO_WRONG_TYPE");
        case PORTICO_PROTOCOL_ERROR: return named("PORTICO_PROTOCOL_ERROR");
        case PORTICO_REFUSED: return named("PORTICO_REFUSED");
        case PORTICO_CANCELLED: return named("PORTICO_CANCELLED");
        case PORTICO_TIMED_OUT: return named("PORTICO_TIMED_OUT");
        default: return "the status " + std::to_string(status);
    }
}

portico_draining draining_of(const net::Draining& draining) noexcept {
    return {sizeof(portico_draining), static_cast<std::uint32_t>(draining.reason),
            draining.deadline_ns};
}

}  // namespace

template <class What>
void Instance::log_failure(base::LogLevel level, std::uint64_t connection, What&& what) noexcept {
    const std::uint64_t now = base::now_ns();
    std::uint64_t logged = failure_logged_ns_.load(std::memory_order_relaxed);
    if ((logged != 0 && now < logged + failure_log_interval_ns) ||
        !failure_logged_ns_.compare_exchange_strong(logged, now, std::memory_order_relaxed)) {
        failures_unlogged_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const std::uint64_t unlogged = failures_unlogged_.exchange(0, std::memory_order_relaxed);
    log_.compose(level, listener_.name, connection, [&] {
        return what() + (unlogged != 0 ? " (and " + std::to_string(unlogged) +
                                             " more failures of callbacks since the last such line)"
                                       : "");
    });
}

void count_sample(net::Worker& worker) noexcept {
    const net::CallSampler::Sample sample = worker.call_sampler().end(worker.group().port().now());
    static_cast<const Instance*>(sample.protocol)
        ->counts_.took(worker.index(), sample.name, sample.took_ns);
}

void Instance::count_failure(const char* callback, portico_status status) noexcept {
    const net::Worker* const worker = net::Worker::current();
    counts_.failed(worker != nullptr ? worker->index() : MetricCells::no_worker, callback, status);
}

inline bool Instance::has_failed(net::Connection& connection, portico_status status,
                                 const char* callback) noexcept {
    return status < 0 && has_failed_slow_path(connection, status, callback);
}

bool Instance::has_failed_slow_path(net::Connection& connection, portico_status status,
                                    const char* callback) noexcept {
    // It is the answer of a send: nothing has failed.
    if (status == PORTICO_GONE || status == PORTICO_CLOSING ||
        (status == PORTICO_WOULD_BLOCK && connection.will_be_writable())) {
        return false;
    }
    connection.failed_with(status);
    count_failure(callback, status);
    log_failure(base::LogLevel::warn, connection.handle(), [&] {
        return std::string(callback) + " returned " + status_text(status) +
               ": the connection is aborted";
    });
    return true;
}

bool Instance::on_open(net::Connection& connection, std::uint32_t listen_index) noexcept {
    if (callbacks_.on_open == nullptr) {
        return true;
    }
    const portico_opened opened{sizeof(portico_opened), PORTICO_ORIGIN_ACCEPTED, listen_index, 0};
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_open", *this, &connection, handle);
        return callbacks_.on_open(self_, handle, &opened, &connection.state);
    }();
    if (status >= 0) {
        return true;
    }
    // GONE and CLOSING refuse too, because a plugin that returns an error has freed its state. But
    // they are no mistakes.
    static_cast<void>(has_failed(connection, status, "on_open"));
    // The plugin keeps nothing. A function that it posted in on_open must not see freed state.
    connection.state = nullptr;
    return false;
}

void Instance::overconsumed(net::Connection& connection, const Message& message,
                            std::uint64_t taken) noexcept {
    connection.failed_with(PORTICO_INVALID);
    count_failure("on_data", PORTICO_INVALID);
    log_failure(base::LogLevel::error, connection.handle(), [&] {
        return "on_data consumed " + std::to_string(taken) + " bytes of " +
               std::to_string(message.size) + ": the connection is aborted";
    });
}

PORTICO_ALWAYS_INLINE net::Protocol::Answer Instance::call_on_data(
    const portico_callbacks& callbacks, net::Connection& connection, const Message& message,
    std::size_t& consumed) noexcept {
    const portico_frame frame{sizeof(portico_frame),
                              (message.is_last ? PORTICO_FRAME_LAST : 0U) |
                                  (message.offered_before != 0 ? PORTICO_FRAME_AGAIN : 0U),
                              message.payload_offset, message.payload_size, message.offered_before};
    std::uint64_t taken = 0;
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_data", *this, &connection, handle);
        return callbacks.on_data(self_, handle, connection.state,
                                 reinterpret_cast<const std::uint8_t*>(message.data), message.size,
                                 &frame, &taken);
    }();
    if (status == PORTICO_OK && taken <= message.size) [[likely]] {
        consumed = taken;
        return Answer::ok;
    }
    if (status == PORTICO_WOULD_BLOCK && connection.will_be_writable()) {
        return Answer::hold;  // nothing is consumed, whatever it says
    }
    if (has_failed(connection, status, "on_data")) {
        return Answer::failed;
    }
    if (taken > message.size) [[unlikely]] {
        overconsumed(connection, message, taken);
        return Answer::failed;
    }
    consumed = taken;
    return status == PORTICO_HOLD   ? Answer::hold
           : status == PORTICO_WAIT ? Answer::wait
                                    : Answer::ok;
}

net::Protocol::Answer Instance::on_data(net::Connection& connection, const Message& message,
                                        std::size_t& consumed) noexcept {
    return call_on_data(callbacks_, connection, message, consumed);
}

net::Protocol::Answer Instance::call_on_writable(const portico_callbacks& callbacks,
                                                 net::Connection& connection) noexcept {
    if (callbacks.on_writable == nullptr) {
        return Answer::ok;
    }
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_writable", *this, &connection, handle);
        return callbacks.on_writable(self_, handle, connection.state);
    }();
    return has_failed(connection, status, "on_writable") ? Answer::failed : Answer::ok;
}

net::Protocol::Answer Instance::on_writable(net::Connection& connection) noexcept {
    return call_on_writable(callbacks_, connection);
}

net::Protocol::Ending Instance::call_on_end(const portico_callbacks& callbacks,
                                            net::Connection& connection,
                                            const Ended& ended) noexcept {
    if (callbacks.on_end == nullptr) {
        return Ending::close;
    }
    const portico_ended event{sizeof(portico_ended),
                              ended.is_truncated ? PORTICO_ENDED_TRUNCATED : 0U, ended.remaining};
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_end", *this, &connection, handle);
        return callbacks.on_end(self_, handle, connection.state, &event);
    }();
    return has_failed(connection, status, "on_end") ? Ending::failed : Ending::stay;
}

net::Protocol::Ending Instance::on_end(net::Connection& connection, const Ended& ended) noexcept {
    return call_on_end(callbacks_, connection, ended);
}

net::Protocol::Ending Instance::on_drain(net::Connection& connection,
                                         const net::Draining& draining) noexcept {
    if (callbacks_.on_drain == nullptr) {
        const bool is_to_close = draining.reason == net::DrainReason::stop ||
                                 draining.reason == net::DrainReason::admin;
        return is_to_close ? Ending::close : Ending::stay;
    }
    const portico_draining event = draining_of(draining);
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_drain", *this, &connection, handle);
        return callbacks_.on_drain(self_, handle, connection.state, &event);
    }();
    return has_failed(connection, status, "on_drain") ? Ending::failed : Ending::stay;
}

void Instance::on_close(net::Connection& connection, const Closed& closed) noexcept {
    call_on_close(callbacks_, connection, closed);
}

void Instance::call_on_close(const portico_callbacks& callbacks, net::Connection& connection,
                             const Closed& closed) noexcept {
    if (callbacks.on_close == nullptr) {
        return;
    }
    const bool is_of_system = closed.reason == net::CloseReason::reset ||
                              closed.reason == net::CloseReason::error ||
                              closed.reason == net::CloseReason::connect_failed ||
                              closed.reason == net::CloseReason::connect_timeout;
    const portico_closed event{sizeof(portico_closed),
                               static_cast<std::uint32_t>(closed.reason),
                               is_of_system ? PORTICO_ERROR : closed.status,
                               closed.native_error,
                               closed.unsent_bytes,
                               closed.received_bytes,
                               closed.sent_bytes,
                               closed.opened_ns};
    const portico_connection handle = connection.handle();
    const CallScope scope("on_close", *this, &connection, handle);
    callbacks.on_close(self_, handle, connection.state, &event);
}

void Instance::on_posted(net::Connection& connection, net::AnyFunction function, void* argument,
                         bool closing) noexcept {
    {
        const portico_connection handle = connection.handle();
        const CallScope scope(posted_name, *this, &connection, handle);
        reinterpret_cast<portico_post_function>(function)(self_, handle, connection.state, argument,
                                                          closing ? PORTICO_CLOSING : PORTICO_OK);
    }
    end_post();
}

void Instance::on_timer(net::Connection* connection, const net::TimerCall& call) noexcept {
    const portico_timer_event event{sizeof(portico_timer_event),
                                    call.is_last ? PORTICO_TIMER_LAST : 0U,
                                    call.number,
                                    call.due_ns,
                                    call.status == net::TimerStatus::ok          ? PORTICO_OK
                                    : call.status == net::TimerStatus::cancelled ? PORTICO_CANCELLED
                                                                                 : PORTICO_CLOSING,
                                    call.periods};
    const portico_connection handle = connection != nullptr ? connection->handle() : 0;
    const CallScope scope(timer_name, *this, connection, handle);
    reinterpret_cast<portico_timer_function>(call.function)(
        self_, handle, connection != nullptr ? connection->state : nullptr, call.argument, &event);
}

void Instance::on_released(net::Connection& connection, net::AnyFunction release, void* argument,
                           bool is_sent) noexcept {
    const portico_connection handle = connection.handle();
    const CallScope scope(release_name, *this, &connection, handle);
    reinterpret_cast<portico_release_function>(release)(self_, handle, connection.state, argument,
                                                        is_sent ? PORTICO_OK : PORTICO_CLOSING);
}

// ---- outbound connections

OutboundCallbacks::OutboundCallbacks(Instance& instance, const portico_callbacks& given) noexcept
    : instance_(instance), given_(&given) {
    std::memcpy(&callbacks_, &given, std::min<std::size_t>(sizeof callbacks_, given.struct_size));
}

bool OutboundCallbacks::on_open(net::Connection& connection, std::uint32_t) noexcept {
    if (callbacks_.on_open == nullptr) {
        return true;
    }
    const portico_opened opened{sizeof(portico_opened), PORTICO_ORIGIN_CONNECTED, 0, 0};
    const portico_status status = [&]() noexcept {
        const portico_connection handle = connection.handle();
        const CallScope scope("on_open", instance_, &connection, handle);
        return callbacks_.on_open(instance_.self_, handle, &opened, &connection.state);
    }();
    if (status >= 0) {
        return true;
    }
    // The state stays: on_close is still to come, and frees it.
    static_cast<void>(instance_.has_failed(connection, status, "on_open"));
    connection.failed_with(status);
    return false;
}

net::Protocol::Answer OutboundCallbacks::on_data(net::Connection& connection,
                                                 const Message& message,
                                                 std::size_t& consumed) noexcept {
    return instance_.call_on_data(callbacks_, connection, message, consumed);
}

net::Protocol::Answer OutboundCallbacks::on_writable(net::Connection& connection) noexcept {
    return instance_.call_on_writable(callbacks_, connection);
}

net::Protocol::Ending OutboundCallbacks::on_end(net::Connection& connection,
                                                const Ended& ended) noexcept {
    return instance_.call_on_end(callbacks_, connection, ended);
}

// Never called: a drain closes outbound connections.
net::Protocol::Ending OutboundCallbacks::on_drain(net::Connection&, const net::Draining&) noexcept {
    return Ending::close;
}

void OutboundCallbacks::on_close(net::Connection& connection, const Closed& closed) noexcept {
    instance_.call_on_close(callbacks_, connection, closed);
}

void OutboundCallbacks::on_posted(net::Connection& connection, net::AnyFunction function,
                                  void* argument, bool closing) noexcept {
    instance_.on_posted(connection, function, argument, closing);
}

void OutboundCallbacks::on_timer(net::Connection* connection, const net::TimerCall& call) noexcept {
    instance_.on_timer(connection, call);
}

void OutboundCallbacks::on_released(net::Connection& connection, net::AnyFunction release,
                                    void* argument, bool is_sent) noexcept {
    instance_.on_released(connection, release, argument, is_sent);
}

void OutboundCallbacks::ended(const net::Connection& connection) noexcept {
    instance_.ended(connection);
}

// ---- the end of the instance

void Instance::begin_stop(const net::Draining& draining, std::function<void()>&& changed) noexcept {
    if (table_.on_stop == nullptr) {
        return;
    }
    stop_mail_.draining = draining;
    stop_mail_.changed = std::move(changed);
    stop_mail_.deliver = [](net::Mail& mail) {
        static_cast<StopMail&>(mail).instance->call_on_stop();
    };
    // It counts as a post, so that destroy waits for it, and may exceed their limit by one.
    posts_.fetch_add(1, std::memory_order_acq_rel);
    strand_.deliver(stop_mail_);
}

void Instance::call_on_stop() noexcept {
    net::Worker::current()->before_callback(*context_);
    const portico_draining event = draining_of(stop_mail_.draining);
    const portico_status status = [&]() noexcept {
        const CallScope scope("on_stop", *this, nullptr, 0);
        return table_.on_stop(self_, &event);
    }();
    if (status < 0) {
        count_failure("on_stop", status);
        log_failure(base::LogLevel::warn, 0,
                    [&] { return "on_stop returned " + status_text(status); });
    }
    stopped_.store(true, std::memory_order_release);
    stop_mail_.changed();
    end_post();
}

}  // namespace portico::plugin
