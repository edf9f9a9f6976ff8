// The line that the log has for a connection that ended; `local` if the listener has a list of
// addresses:
//
//     peer=127.0.0.1:40000 in=12 out=12 messages=1 ms=0.250 closed: closed by the peer
//     peer=127.0.0.1:40000 local=127.0.0.1:5000 in=12 out=12 messages=1 ms=0.250 closed: ...
#pragma once

#include <string>

#include "base/log.hpp"

namespace portico::log {

// Bytes in and out, messages that the plugin took, milliseconds from start to end. The reason comes
// last, because only it has spaces.
[[nodiscard]] std::string access_text(const base::Access& access);

}  // namespace portico::log
