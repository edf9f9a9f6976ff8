// An address as plugins see it.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "io/address.hpp"
#include "portico/connection.h"

namespace portico::plugin {

// `put` is zero. Throws std::bad_alloc.
inline void put_address(portico_address& put, const io::Address& address) {
    switch (address.family) {
        case io::Address::Family::none: put.family = PORTICO_ADDRESS_UNKNOWN; break;
        case io::Address::Family::v4: put.family = PORTICO_ADDRESS_IPV4; break;
        case io::Address::Family::v6: put.family = PORTICO_ADDRESS_IPV6; break;
    }
    put.port = address.port;
    static_assert(sizeof put.bytes == sizeof address.bytes);
    std::memcpy(put.bytes, address.bytes.data(), sizeof put.bytes);
    put.scope = address.scope_id;
    const std::string written = io::to_string(address);
    put.text_size = static_cast<std::uint16_t>(std::min(written.size(), sizeof put.text - 1));
    std::memcpy(put.text, written.data(), put.text_size);
}

}  // namespace portico::plugin
