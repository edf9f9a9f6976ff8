// Runs all connections of a plan on one completion port, in the calling thread.
//
// All connections are opened first, a bounded number at a time so that no backlog overflows; then all begin to send. So a run of
// 10,000 connections has 10,000 open at once, and connecting is no part of the figures.
#pragma once

#include <atomic>

#include "base/result.hpp"
#include "session.hpp"

namespace portico::client {

inline constexpr std::uint32_t connecting_max = 256;

// Blocks until every session is done. `interrupt`: set it (from a signal handler, say) to end the run early, within a tenth of a second.
// Fails with a sentence when there is no completion port to be had.
[[nodiscard]] base::Result<Totals> run_load(const LoadPlan& plan, Observer& observer, const std::atomic<bool>& interrupt);

}  // namespace portico::client
