// A connection that sends nothing, like most clients of a server. It owns no buffer, waits with a
// receive for the server to end it, and ignores what the server sends.
//
//     unopened -> connecting -> open -> closing -> done
//         ^           |                    ^  |
//         |           +--------------------+  |   (cannot be opened, the end of the run)
//         +-----------------------------------+   (with `reconnect`: it has ended, and comes again)
#pragma once

#include <cstdint>

#include "load/connector.hpp"
#include "load/owned.hpp"
#include "load/session_context.hpp"

namespace portico::client {

class IdleConnection {
public:
    explicit IdleConnection(SessionContext& context) noexcept;
    IdleConnection(const IdleConnection&) = delete;
    IdleConnection& operator=(const IdleConnection&) = delete;

    void connect() noexcept;
    // It was open, has ended, and is to connect() again. Counted in context.idle_waiting.
    [[nodiscard]] bool waits_for_connect() const noexcept {
        return is_out_ && state_ == State::unopened;
    }
    // The run is over: closes. From now on no failure is counted.
    void end() noexcept;

private:
    enum class State : std::uint8_t { unopened, connecting, open, closing, done };

    void on_connector() noexcept;
    void on_receive() noexcept;
    template <class Reason>
    void broken(const Reason& reason) noexcept;
    void close() noexcept;
    void close_if_joined() noexcept;

    SessionContext& context_;
    Connector connector_;
    Owned<IdleConnection, io::ReceiveOperation> receive_;
    State state_ = State::unopened;
    bool is_open_once_ = false;
    bool is_out_ = false;  // it was open, and is not now
    bool is_over_ = false;
};

}  // namespace portico::client
