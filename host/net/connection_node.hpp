// A connection as a link of the lists that workers and the table keep: which of its Links (it is
// mail, and operations, as well) is meant.
#pragma once

#include "base/intrusive.hpp"

namespace portico::net {

struct ConnectionNode : base::Link {};

}  // namespace portico::net
