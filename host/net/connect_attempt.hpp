// An attempt to connect to one address, and where its socket comes from.
//
// The first attempt of a connect uses its connection's own socket, and so does each later one that
// finds it free. One that begins beside it needs a socket of its own; if it wins, the port moves
// the handle (CompletionPort::move). A port may hold a late event for a socket that is closed
// (io/socket.hpp), so such attempts are never freed while workers run: the connector keeps them.
#pragma once

#include "io/operation.hpp"
#include "net/mailbox.hpp"

namespace portico::net {

struct Connecting;

// When the port has it back, it is its own mail to the connection's strand.
struct ConnectAttempt : io::ConnectOperation, Mail {
    Connecting* connecting = nullptr;
};

struct SpareAttempt final : ConnectAttempt {
    io::Socket own;
    SpareAttempt* next_spare = nullptr;  // the connector's
};

}  // namespace portico::net
