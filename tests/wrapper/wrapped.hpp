// The plugins that these tests drive.
#pragma once

#include <cstdint>
#include <string>

#include <portico/portico.h>

extern "C" {
const portico_module* PORTICO_CALL replies_query(std::uint32_t host_abi_major);
const portico_module* PORTICO_CALL plain_query(std::uint32_t host_abi_major);
const portico_module* PORTICO_CALL doors_query(std::uint32_t host_abi_major);
const portico_module* PORTICO_CALL gates_query(std::uint32_t host_abi_major);
}

namespace wrapped {

// How many objects with which functions were posted, or given to timers, live now.
extern int counted;
// What callbacks and functions have noted since the test began.
extern std::string notes;

}  // namespace wrapped
