// One bad client. It connects and does what its mode says. When either side has ended the
// connection, it connects again after a moment, until the run is over. Its failures are counted
// separately and never fail the run.
//
//     backoff -> connecting -> acting -> closing -+-> backoff
//                    |                      ^     +-> done    (the end of the run)
//                    +----------------------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "load/connector.hpp"
#include "load/hostile.hpp"
#include "load/owned.hpp"
#include "load/session_context.hpp"

namespace portico::client {

class HostileConnection {
public:
    HostileConnection(SessionContext& context, const HostileBytes& bytes, Hostile mode) noexcept;
    HostileConnection(const HostileConnection&) = delete;
    HostileConnection& operator=(const HostileConnection&) = delete;

    void begin() noexcept;
    // The run is over.
    void end() noexcept;

private:
    enum class State : std::uint8_t { backoff, connecting, acting, closing, done };

    void connect() noexcept;
    void on_connector() noexcept;
    void on_receive() noexcept;
    void on_send() noexcept;
    void on_timer() noexcept;
    // Does the next thing of its mode, unless it waits for an operation in flight.
    void act() noexcept;
    void send(std::span<const std::byte> bytes) noexcept;
    void finish_sending() noexcept;
    void wait_ns(std::uint64_t time_ns) noexcept;
    void close() noexcept;
    void close_if_joined() noexcept;

    SessionContext& context_;
    const HostileBytes& bytes_;
    const Hostile mode_;
    Connector connector_;
    Owned<HostileConnection, io::ReceiveOperation> receive_;
    Owned<HostileConnection, io::SendOperation> send_;
    Owned<HostileConnection, io::TimerOperation> timer_;
    io::ConstBuffer part_;
    State state_ = State::backoff;
    bool is_over_ = false;       // the run
    bool has_finished_ = false;  // our side is shut down
    std::uint64_t sent_ = 0;     // bytes on this connection
};

}  // namespace portico::client
