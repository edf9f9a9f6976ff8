// A connection that is opened and says nothing: what a server's many idle clients are. It owns no buffer, waits with a receive for the
// server to end it, and ignores what the server says.
//
//     unopened -> connecting -> open -> closing -> done
//                     |                    ^
//                     +--------------------+   (cannot be opened, the end of the run)
#pragma once

#include <cstdint>

#include "owned.hpp"
#include "session_context.hpp"

namespace portico::client {

class IdleConnection {
public:
    explicit IdleConnection(SessionContext& context) noexcept;
    IdleConnection(const IdleConnection&) = delete;
    IdleConnection& operator=(const IdleConnection&) = delete;

    void connect() noexcept;
    // The run is over: closes, and nothing that happens counts any more.
    void end() noexcept;

private:
    enum class State : std::uint8_t { unopened, connecting, open, closing, done };

    void open() noexcept;
    void on_connect() noexcept;
    void on_receive() noexcept;
    void on_timer() noexcept;
    template <class Reason>
    void broken(const Reason& reason) noexcept;
    void close() noexcept;
    void close_if_joined() noexcept;

    SessionContext& context_;
    io::Socket socket_;
    Owned<IdleConnection, io::ConnectOperation> connect_;
    Owned<IdleConnection, io::ReceiveOperation> receive_;
    Owned<IdleConnection, io::TimerOperation> timer_;  // of the connect
    State state_ = State::unopened;
    bool has_timed_out_ = false;
    std::uint32_t address_ = 0;
};

}  // namespace portico::client
