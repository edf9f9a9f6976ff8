// The protocol as a connection calls it (host/plugin implements it for the C ABI; tests implement
// it directly), and everything that a connection needs from the listener that accepted it.
//
// All calls for one connection are serial, on its strand. Calls for different connections are
// concurrent, unless the listener has one strand for all. No call is made while the protocol itself
// is calling into the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/log.hpp"
#include "base/warning_limit.hpp"
#include "config/config.hpp"
#include "net/callback_pace.hpp"
#include "net/close_reason.hpp"

namespace portico::net {

class Connection;
class WorkerGroup;

// A function of the protocol. Connection::post carries it to Protocol::on_posted, unchanged.
using AnyFunction = void (*)();

class Protocol {
public:
    struct Message {
        const std::byte* data = nullptr;
        std::size_t size = 0;
        std::size_t payload_offset = 0;
        std::size_t payload_size = 0;
    };
    enum class Answer : std::uint8_t { ok, hold, failed };
    enum class Ending : std::uint8_t {
        close,  // flush and close now
        stay,   // the protocol will close
        failed,
    };

    // False refuses the connection; nothing else is called for it.
    [[nodiscard]] virtual bool on_open(Connection& connection) noexcept = 0;
    // See portico_plugin::on_data. `consumed` is 0 at the call.
    [[nodiscard]] virtual Answer on_data(Connection& connection, const Message& message,
                                         std::size_t& consumed) noexcept = 0;
    [[nodiscard]] virtual Answer on_writable(Connection& connection) noexcept = 0;
    [[nodiscard]] virtual Ending on_end(Connection& connection, std::size_t remaining) noexcept = 0;
    [[nodiscard]] virtual Ending on_drain(Connection& connection,
                                          std::uint32_t deadline_ms) noexcept = 0;
    virtual void on_close(Connection& connection, CloseReason reason) noexcept = 0;
    virtual void on_posted(Connection& connection, AnyFunction function, void* argument,
                           bool closing) noexcept = 0;

protected:
    ~Protocol() = default;
};

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
    mutable CallbackPace pace;
    mutable base::WarningLimit loss_warnings;  // of connections that the host has cut

    [[nodiscard]] std::uint32_t low_watermark() const noexcept {
        return limits.send_queue_low_bytes != 0 ? limits.send_queue_low_bytes
                                                : limits.send_queue_bytes / 2;
    }
};

}  // namespace portico::net
