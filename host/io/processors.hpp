// Counts the processors that this process may use. The machine often has more: the process may be
// bound to some of them, and a container's or a service's quota may pay for only part of their
// time.
#pragma once

#include <cstdint>

namespace portico::io {

// At least 1. Linux: the calling thread's affinity (taskset, cpusets), then the quotas of its
// control groups, rounded up. Windows: the process's affinity, then the hard cap of its job.
[[nodiscard]] std::uint32_t usable_processors();

// The number of processors that a job's hard cap pays for, out of all active ones, rounded up, at
// least 1. `rate`: of 10,000 cycles of all processors together, those that the job may use
// (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION).
[[nodiscard]] std::uint32_t processors_of_cpu_rate(std::uint32_t rate,
                                                   std::uint32_t processors) noexcept;

}  // namespace portico::io
