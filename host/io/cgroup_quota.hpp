// What a control group of Linux (cgroups(7), versions 1 and 2) lets the process use of the
// processors' time: containers and services are bounded so. Text alone; whoever calls this reads
// the files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace portico::io {

// Processors that a quota pays for, rounded up, at least 1; nothing if there is no quota, or the
// text is none. `cpu_max` is what version 2 has in cpu.max: "max 100000", "150000 100000"
// (microseconds of the quota and of its period).
[[nodiscard]] std::optional<std::uint32_t> processors_of_cpu_max(std::string_view cpu_max) noexcept;
// Version 1 has the two in cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us.
[[nodiscard]] std::optional<std::uint32_t> processors_of_cfs(std::string_view quota_us,
                                                             std::string_view period_us) noexcept;

// A file's text; nothing if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// The least that the quotas of the process's own group and of all groups around it allow, as far as
// they can be seen from here; nothing if there is no quota. Asks for /proc/self/cgroup,
// /proc/self/mountinfo and the groups' files.
[[nodiscard]] std::optional<std::uint32_t> processors_of_cgroups(const ReadFile& read);

}  // namespace portico::io
