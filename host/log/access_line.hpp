// The text of a line for a connection that ended: `local` if the listener has a list of addresses,
// `status` and `error` if they are the reason. An outbound connection has `upstream`, the address
// of the server, in place of `peer`.
//
//     plugin=echo peer=127.0.0.1:40000 in=12 out=12 messages=1 ms=0.250 closed: the peer finished
//     plugin=echo peer=127.0.0.1:40000 local=127.0.0.1:5000 in=12 out=12 messages=1 ms=0.250
//         status=-4 closed: a plugin callback failed
#pragma once

#include <string>

#include "base/log.hpp"

namespace portico::log {

// Bytes in and out, messages that the plugin took, milliseconds from start to end. The reason comes
// last, because only it has spaces.
void append_access_text(std::string& out, const base::Access& access);

[[nodiscard]] std::string access_text(const base::Access& access);

}  // namespace portico::log
