// The protocol as a connection calls it (host/plugin implements it for the C ABI; tests implement
// it directly), and everything that a connection needs from the listener that accepted it.
//
// All calls for one connection are serial, on its strand. Calls for different connections are
// concurrent, unless the listener has one strand for all. No call is made while the protocol itself
// is calling into the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/warning_limit.hpp"
#include "config/config.hpp"
#include "net/callback_pace.hpp"
#include "net/close_reason.hpp"

namespace portico::net {

class Connection;
class Connector;
class Traffic;
class WorkerGroup;

// A function of the protocol. Connection::post carries it to Protocol::on_posted, unchanged.
using AnyFunction = void (*)();

enum class TimerStatus : std::uint8_t { ok, cancelled, closing };

// A call of a timer's function that is to be made. See portico_timer_event.
struct TimerCall {
    AnyFunction function = nullptr;
    void* argument = nullptr;
    std::uint64_t number = 0;
    std::uint64_t due_ns = 0;
    std::uint32_t periods = 0;
    TimerStatus status = TimerStatus::ok;
    bool is_last = true;
};

// Why connections are asked to end. The numbers are the plugin ABI's.
enum class DrainReason : std::uint8_t { stop = 1, reload = 2, take_over = 3, admin = 4 };

struct Draining {
    DrainReason reason = DrainReason::stop;
    // of base::now_ns(), when connections that are still open are cut; UINT64_MAX: never
    std::uint64_t deadline_ns = UINT64_MAX;
};

class Protocol {
public:
    struct Message {
        const std::byte* data = nullptr;
        std::size_t size = 0;
        std::size_t payload_offset = 0;
        std::size_t payload_size = 0;
        // how many of these bytes the previous on_data was offered and did not consume
        std::size_t offered_before = 0;
        bool is_last = false;  // unframed, and nothing will follow
    };
    enum class Answer : std::uint8_t {
        ok,
        hold,  // until on_writable or a resume
        wait,  // until a resume
        failed,
    };
    enum class Ending : std::uint8_t {
        close,  // of on_end: flush and close. Of on_drain: offer what has arrived before
        stay,   // the protocol will close
        failed,
    };
    // See portico_ended and portico_closed, which have the same members.
    struct Ended {
        bool is_truncated = false;
        std::size_t remaining = 0;
    };
    struct Closed {
        CloseReason reason = CloseReason::none;
        std::int32_t status = 0;
        std::uint32_t native_error = 0;
        std::uint64_t unsent_bytes = 0;
        std::uint64_t received_bytes = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t opened_ns = 0;
    };

    // `listen_index`: of the address, among those that the acceptor was asked to listen on; 0 for
    // an outbound connection. False refuses the connection; nothing else is called for it, except
    // on_close for an outbound one.
    [[nodiscard]] virtual bool on_open(Connection& connection,
                                       std::uint32_t listen_index) noexcept = 0;
    // See portico_callbacks::on_data. `consumed` is 0 at the call.
    [[nodiscard]] virtual Answer on_data(Connection& connection, const Message& message,
                                         std::size_t& consumed) noexcept = 0;
    [[nodiscard]] virtual Answer on_writable(Connection& connection) noexcept = 0;
    [[nodiscard]] virtual Ending on_end(Connection& connection, const Ended& ended) noexcept = 0;
    [[nodiscard]] virtual Ending on_drain(Connection& connection,
                                          const Draining& draining) noexcept = 0;
    virtual void on_close(Connection& connection, const Closed& closed) noexcept = 0;
    virtual void on_posted(Connection& connection, AnyFunction function, void* argument,
                           bool closing) noexcept = 0;
    // The memory of one Connection::send_external is no longer used. `is_sent`: the system has
    // taken all of its bytes.
    virtual void on_released(Connection& connection, AnyFunction release, void* argument,
                             bool is_sent) noexcept = 0;

    // The connection is over, and the protocol shall forget it. An on_close that is due follows.
    virtual void ended(const Connection& connection) noexcept { static_cast<void>(connection); }

    // The function of a timer, of the connection or (null) of the instance; on its strand. See
    // timers.hpp.
    virtual void on_timer(Connection* connection, const TimerCall& call) noexcept {
        static_cast<void>(connection);
        static_cast<void>(call);
        PORTICO_ASSERT(!"a protocol that starts timers implements this");
    }

    // The instance will end: it shall learn that on its own strand, before any on_drain. Called
    // once, from the thread that stops the server. When that is done, may_drain() is true, and
    // `changed` is called, from any thread.
    virtual void begin_stop(const Draining& draining, std::function<void()>&& changed) noexcept {
        static_cast<void>(draining);
        static_cast<void>(changed);
    }
    // From any thread. Before it is true, no connection is drained.
    [[nodiscard]] virtual bool may_drain() const noexcept { return true; }

protected:
    ~Protocol() = default;
};

[[nodiscard]] inline std::uint32_t low_watermark(const config::Limits& limits) noexcept {
    return limits.send_queue_low_bytes != 0 ? limits.send_queue_low_bytes
                                            : limits.send_queue_bytes / 2;
}

// Constant as long as connections of the listener live, except for the two `mutable` members.
struct ConnectionContext {
    std::string listener_name;
    config::Limits limits;
    config::Framing framing;
    Protocol* protocol = nullptr;
    base::Log* log = nullptr;
    // Called after a connection's slot was given back, on a worker thread of the group that it
    // lived in. The context may be gone afterwards.
    void (*released)(void* owner, const WorkerGroup& group) = nullptr;
    void* owner = nullptr;
    bool logs_local_address = false;  // in access lines, since the listener has a list of them
    // Of outbound connections: the context of the listener whose instance connects, and who opened
    // them. Null: a listener's own context. Such a context lives as long as the table, so whoever
    // finds it in a slot may follow it, even if by then another connection is there.
    const ConnectionContext* listener = nullptr;
    Connector* connector = nullptr;
    Traffic* traffic = nullptr;  // where its connections count; outlives them
    mutable CallbackPace pace;
    mutable base::WarningLimit loss_warnings;  // of connections that the host has cut

    [[nodiscard]] std::uint32_t low_watermark() const noexcept {
        return net::low_watermark(limits);
    }
};

}  // namespace portico::net
