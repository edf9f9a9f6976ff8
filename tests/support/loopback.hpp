// The addresses of this machine that tests listen on and connect to.
#pragma once

#include <cstdint>

#include "io/address.hpp"

namespace portico::test {

[[nodiscard]] inline io::Address loopback(io::Address::Family family, std::uint16_t port = 0) {
    io::Address address;
    address.family = family;
    if (family == io::Address::Family::v4) {
        address.bytes = {127, 0, 0, 1};
    } else {
        address.bytes[15] = 1;
    }
    address.port = port;
    return address;
}

[[nodiscard]] inline io::Address loopback(std::uint16_t port = 0) {
    return loopback(io::Address::Family::v4, port);
}

}  // namespace portico::test
