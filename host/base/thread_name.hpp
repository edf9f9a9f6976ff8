// Names for threads, as debuggers and `top -H` show them.
#pragma once

#include <cstdint>

namespace portico::base {

// Names the calling thread; Linux keeps 15 characters. The name is only for people, so a failure is
// no error.
void name_this_thread(const char* name) noexcept;
// "portico-3"
void name_this_thread(const char* name, std::uint32_t number) noexcept;

}  // namespace portico::base
