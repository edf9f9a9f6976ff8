// Assertions that stay on in release. A programmer's error ends the process where it happened, with
// the condition and the place, and not later somewhere else.
#pragma once

#include "base/inline.hpp"

namespace portico::base {

// Cold, so that compilers lay out the way of a condition that holds as the usual one.
[[noreturn]] PORTICO_COLD void assertion_failed(const char* condition, const char* file,
                                                int line) noexcept;

}  // namespace portico::base

#define PORTICO_ASSERT(condition) \
    (static_cast<bool>(condition) \
         ? static_cast<void>(0)   \
         : ::portico::base::assertion_failed(#condition, __FILE__, __LINE__))
