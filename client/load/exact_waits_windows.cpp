#include "load/exact_waits.hpp"

namespace portico::client {

// No wait here is exact (io::CompletionPort::wait_grain_ns), so the load spends the last bit
// polling.
void ask_for_exact_waits() noexcept {}

}  // namespace portico::client
