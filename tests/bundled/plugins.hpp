// The plugins that these tests drive, each under an entry of its own.
#pragma once

#include <cstdint>

#include <portico/portico.h>

extern "C" {
const portico_module* PORTICO_CALL echo_query(std::uint32_t host_abi_major);
const portico_module* PORTICO_CALL ack_query(std::uint32_t host_abi_major);
}
