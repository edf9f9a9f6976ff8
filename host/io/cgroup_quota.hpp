// Finds how much processor time the process's control group (Linux, cgroups(7), versions 1 and 2)
// allows it: containers and services are bounded this way. This only parses text; the caller reads
// the files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace portico::io {

// The number of processors that a quota pays for, rounded up, at least 1; nothing if there is no
// quota, or the text states none. `cpu_max` is the text of version 2's cpu.max: "max 100000",
// "150000 100000" (microseconds of the quota and of its period).
[[nodiscard]] std::optional<std::uint32_t> processors_of_cpu_max(std::string_view cpu_max) noexcept;
// The same for version 1, which keeps the two numbers in cpu.cfs_quota_us (-1: none) and
// cpu.cfs_period_us.
[[nodiscard]] std::optional<std::uint32_t> processors_of_cfs(std::string_view quota_us,
                                                             std::string_view period_us) noexcept;

// A file's text; nothing if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// The same for the smallest quota of the process's own group and all groups around it that can be
// seen from here; nothing if there is no quota. Asks for /proc/self/cgroup, /proc/self/mountinfo
// and the groups' files.
[[nodiscard]] std::optional<std::uint32_t> processors_of_cgroups(const ReadFile& read);

}  // namespace portico::io
