// Assertions that stay on in release. A programmer's error ends the process at once, where it
// happened, and names the condition and the place.
#pragma once

#include "base/inline.hpp"

namespace portico::base {

// Cold, so that compilers treat a condition that holds as the usual case.
[[noreturn]] PORTICO_COLD void assertion_failed(const char* condition, const char* file,
                                                int line) noexcept;

}  // namespace portico::base

#define PORTICO_ASSERT(condition) \
    (static_cast<bool>(condition) \
         ? static_cast<void>(0)   \
         : ::portico::base::assertion_failed(#condition, __FILE__, __LINE__))
