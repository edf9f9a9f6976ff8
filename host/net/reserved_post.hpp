// A function for a connection's strand whose memory its owner has set aside, so that posting it
// cannot fail but for one reason: the connection is gone.
#pragma once

#include "net/mailbox.hpp"

namespace portico::net {

class Connection;

struct ReservedPost : Mail {
    // Called on the connection's strand, once. `is_closing`: the connection has begun to close. It
    // may end the life of the post, or deliver it elsewhere.
    using Arrived = void (*)(ReservedPost& post, Connection& connection, bool is_closing) noexcept;
    Arrived arrived = nullptr;
    Connection* connection = nullptr;  // the connection's own note
};

}  // namespace portico::net
