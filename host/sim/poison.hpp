// Poisons memory that nobody may touch for a while. With AddressSanitizer the first touch ends the
// process and prints its stack; without it these functions do nothing.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PORTICO_SIM_POISONS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PORTICO_SIM_POISONS
#endif
#ifdef PORTICO_SIM_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace portico::sim {

#ifdef PORTICO_SIM_POISONS
inline constexpr bool poisons = true;
#else
inline constexpr bool poisons = false;
#endif

inline void poison([[maybe_unused]] const volatile void* begin,
                   [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef PORTICO_SIM_POISONS
    ::__asan_poison_memory_region(begin, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const volatile void* begin,
                     [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef PORTICO_SIM_POISONS
    ::__asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace portico::sim
