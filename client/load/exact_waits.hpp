// How exactly a thread of the load wakes at its deadlines.
#pragma once

namespace portico::client {

// For the calling thread: its waits are to end at their deadline. By default Linux ends waits
// together that are due within 50 us of each other.
void ask_for_exact_waits() noexcept;

}  // namespace portico::client
