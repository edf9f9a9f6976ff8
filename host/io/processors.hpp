// How many processors this process may use, which is often less than the machine has: it may be
// bound to some of them, and a container's or a service's quota may pay for less than all of their
// time.
#pragma once

#include <cstdint>

namespace portico::io {

// At least 1. Linux: the calling thread's affinity (taskset, cpusets), then the quotas of its
// control groups, rounded up. Windows: the process's affinity, then the hard cap of its job.
[[nodiscard]] std::uint32_t usable_processors();

// Of so many active processors, those that a job's hard cap pays for, rounded up, at least 1.
// `rate`: cycles that the job may use in 10,000 of all processors together
// (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION).
[[nodiscard]] std::uint32_t processors_of_cpu_rate(std::uint32_t rate,
                                                   std::uint32_t processors) noexcept;

}  // namespace portico::io
