// Runs all connections of a plan, on one completion port for each thread.
//
// All connections are opened first, the idle ones before the others, and never too many at a time,
// so that no backlog overflows. Then all begin to send. So a run of 10,000 connections has 10,000
// open at once, and the time to connect is in no figure (except with messages_per_connection).
#pragma once

#include <atomic>

#include "base/result.hpp"
#include "load/plan.hpp"
#include "measure/observer.hpp"
#include "measure/totals.hpp"

namespace portico::client {

inline constexpr std::uint32_t connecting_max = 256;  // over all threads

// Blocks until every session is done; this thread is one of plan.threads. (Hostile connections have
// one more thread.) `interrupt`: set it (from a signal handler, say) to end the run early, within a
// tenth of a second. Fails with a sentence if a completion port or a thread cannot be made.
// Rethrows what the observer threw.
[[nodiscard]] base::Result<Totals> run_load(const LoadPlan& plan, Observer& observer,
                                            const std::atomic<bool>& interrupt);

}  // namespace portico::client
