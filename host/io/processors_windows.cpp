#include <windows.h>

#include <algorithm>
#include <bit>

#include "io/processors.hpp"

namespace portico::io {

namespace {

// JOB_OBJECT_CPU_RATE_CONTROL_MIN_MAX_RATE, which MinGW-w64's headers lack: the two rates have 16
// bits each, the maximum in the upper half.
constexpr DWORD cpu_rate_control_min_max = 0x10;

std::uint32_t active_processors() noexcept {
    return std::max<DWORD>(1, ::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
}

// Both masks are for one group of at most 64 processors. A process that is bound to some of its
// group's processors uses those; any other may use all groups (since Windows 11 the system spreads
// its threads over them by itself). Both are 0 if its threads are in several groups.
std::uint32_t processors_of_affinity() noexcept {
    DWORD_PTR process = 0;
    DWORD_PTR system = 0;
    if (::GetProcessAffinityMask(::GetCurrentProcess(), &process, &system) != 0 && process != 0 &&
        process != system) {
        return static_cast<std::uint32_t>(std::popcount(process));
    }
    return active_processors();
}

}  // namespace

std::uint32_t usable_processors() {
    const std::uint32_t bound_to = processors_of_affinity();
    // This asks for the innermost job, the only one that a process can ask about. Wine does not
    // know this class.
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
    if (::QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof rate,
                                    nullptr) == 0 ||
        (rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_ENABLE) == 0) {
        return bound_to;
    }
    if ((rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP) != 0) {
        return std::min(bound_to, processors_of_cpu_rate(rate.CpuRate, active_processors()));
    }
    if ((rate.ControlFlags & cpu_rate_control_min_max) != 0) {
        return std::min(bound_to, processors_of_cpu_rate(rate.CpuRate >> 16, active_processors()));
    }
    return bound_to;  // a weight bounds nothing
}

}  // namespace portico::io
