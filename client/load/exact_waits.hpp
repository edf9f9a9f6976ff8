// Makes a thread of the load wake at its deadlines as exactly as the system can.
#pragma once

namespace portico::client {

// From now on the calling thread's waits end at their deadline. By default Linux ends waits
// together that are due within 50 us of each other.
void ask_for_exact_waits() noexcept;

}  // namespace portico::client
