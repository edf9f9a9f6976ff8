// A connection as an element of the lists of strands, acceptors and the table. It has other Links
// too (as mail), so these lists say which one they use.
#pragma once

#include "base/intrusive.hpp"

namespace portico::net {

struct ConnectionNode : base::Link {};

}  // namespace portico::net
