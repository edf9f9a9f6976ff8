// The header of the PROXY protocol: it tells a server for which client a proxy connects to it.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2.
#pragma once

#include <cstddef>
#include <vector>

#include "config/config.hpp"
#include "io/address.hpp"

namespace portico::net {

// `source` is the client, `destination` the address that it connected to. If they are not both of
// one family, the header says that the connection is not for a client. Not for SendProxy::none.
// Throws std::bad_alloc.
[[nodiscard]] std::vector<std::byte> proxy_header(config::SendProxy version,
                                                  const io::Address& source,
                                                  const io::Address& destination);

}  // namespace portico::net
