// The bases of a connection: it is an element of lists, and its own operations.
#pragma once

#include "base/intrusive.hpp"
#include "io/operation.hpp"

namespace portico::net {

// Of the lists of strands, acceptors and the table. A connection has other Links too (as mail), so
// these lists say which one they use.
struct ConnectionNode : base::Link {};

// They are bases, so that the address of one leads to the connection.
struct ReceivePart : io::ReceiveOperation {};
struct SendPart : io::SendOperation {};
struct TimerPart : io::TimerOperation {};

}  // namespace portico::net
