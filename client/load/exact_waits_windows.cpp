#include "load/exact_waits.hpp"

namespace portico::client {

// No wait here is exact (io::CompletionPort::wait_grain_ns): the last bit is spent looking.
void ask_for_exact_waits() noexcept {}

}  // namespace portico::client
