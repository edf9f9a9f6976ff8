// Quotas of control groups, from the files that kernels and container runtimes write.
#include "io/cgroup_quota.hpp"

#include <cstdint>
#include <map>
#include <string>

#include "support/catch.hpp"

using namespace portico::io;

namespace {

using Files = std::map<std::string, std::string>;

std::optional<std::uint32_t> processors_with(const Files& files) {
    return processors_of_cgroups([&](const std::string& path) -> std::optional<std::string> {
        const auto found = files.find(path);
        return found == files.end() ? std::nullopt : std::optional(found->second);
    });
}

const std::string unified_mount =
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate\n";
const std::string cpu_mount =
    "24 23 0:21 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755\n"
    "33 24 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory\n"
    "34 24 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:16 - cgroup cgroup rw,cpu,cpuacct\n";

}  // namespace

TEST_CASE("a quota pays for processors, rounded up", "[io][processors]") {
    CHECK_FALSE(processors_of_cpu_max("max 100000\n"));
    CHECK(processors_of_cpu_max("100000 100000\n") == 1U);
    CHECK(processors_of_cpu_max("150000 100000\n") == 2U);
    CHECK(processors_of_cpu_max("200000 100000\n") == 2U);
    CHECK(processors_of_cpu_max("200001 100000\n") == 3U);
    CHECK(processors_of_cpu_max("50000 100000") == 1U);
    CHECK(processors_of_cpu_max("1000 1000000\n") == 1U);
    CHECK(processors_of_cpu_max("0 100000\n") == 1U);
    CHECK(processors_of_cpu_max("18446744073709551615 1") == UINT32_MAX);

    CHECK_FALSE(processors_of_cfs("-1\n", "100000\n"));
    CHECK(processors_of_cfs("50000\n", "100000\n") == 1U);
    CHECK(processors_of_cfs("250000\n", "100000\n") == 3U);
}

TEST_CASE("what is no quota bounds nothing", "[io][processors]") {
    for (const char* text : {"", "\n", "max", "100000", "100000 0", "a b", "1e5 100000",
                             "100000 100000x", "99999999999999999999 1", "-1 100000"}) {
        CAPTURE(text);
        CHECK_FALSE(processors_of_cpu_max(text));
    }
    CHECK_FALSE(processors_of_cfs("", ""));
    CHECK_FALSE(processors_of_cfs("50000", ""));
    CHECK_FALSE(processors_of_cfs("50000", "0"));
}

TEST_CASE("a service's quota is found in its group of version 2, and in each around it",
          "[io][processors]") {
    Files files{{"/proc/self/cgroup", "0::/system.slice/portico.service\n"},
                {"/proc/self/mountinfo", unified_mount}};
    CHECK_FALSE(processors_with(files));
    files["/sys/fs/cgroup/system.slice/portico.service/cpu.max"] = "max 100000\n";
    files["/sys/fs/cgroup/system.slice/cpu.max"] = "max 100000\n";
    CHECK_FALSE(processors_with(files));
    files["/sys/fs/cgroup/system.slice/portico.service/cpu.max"] = "350000 100000\n";
    CHECK(processors_with(files) == 4U);
    files["/sys/fs/cgroup/system.slice/cpu.max"] =
        "150000 100000\n";  // the group around it allows less
    CHECK(processors_with(files) == 2U);
    files["/sys/fs/cgroup/system.slice/cpu.max"] = "900000 100000\n";
    CHECK(processors_with(files) == 4U);
    files["/sys/fs/cgroup/cpu.max"] =
        "50000 100000\n";  // the root of a container's name space has one
    CHECK(processors_with(files) == 1U);
}

TEST_CASE("a container's quota is found where its group is the root of what is mounted",
          "[io][processors]") {
    // Version 2, with and without a name space for control groups.
    CHECK(processors_with({{"/proc/self/cgroup", "0::/\n"},
                           {"/proc/self/mountinfo", unified_mount},
                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2U);
    const std::string inner_mount =
        "29 23 0:26 /docker/4f /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n";
    CHECK(processors_with({{"/proc/self/cgroup", "0::/docker/4f\n"},
                           {"/proc/self/mountinfo", inner_mount},
                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2U);
    CHECK(processors_with({{"/proc/self/cgroup", "0::/docker/4f/inner\n"},
                           {"/proc/self/mountinfo", inner_mount},
                           {"/sys/fs/cgroup/inner/cpu.max", "100000 100000\n"},
                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 1U);
    // The group lies outside the visible tree.
    CHECK(processors_with({{"/proc/self/cgroup", "0::/../elsewhere\n"},
                           {"/proc/self/mountinfo", unified_mount},
                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2U);
    CHECK(processors_with({{"/proc/self/cgroup", "0::/docker/4fe\n"},  // not below /docker/4f
                           {"/proc/self/mountinfo", inner_mount},
                           {"/sys/fs/cgroup/cpu.max", "200000 100000\n"},
                           {"/sys/fs/cgroupe/cpu.max", "100000 100000\n"}}) == 2U);
}

TEST_CASE("a quota of version 1 is one of the hierarchy that has the cpu controller",
          "[io][processors]") {
    Files files{
        {"/proc/self/cgroup", "5:memory:/docker/4f\n4:cpu,cpuacct:/docker/4f\n3:cpuset:/\n0::/\n"},
        {"/proc/self/mountinfo", cpu_mount}};
    CHECK_FALSE(processors_with(files));
    files["/sys/fs/cgroup/cpu,cpuacct/docker/4f/cpu.cfs_quota_us"] = "-1\n";
    files["/sys/fs/cgroup/cpu,cpuacct/docker/4f/cpu.cfs_period_us"] = "100000\n";
    CHECK_FALSE(processors_with(files));
    files["/sys/fs/cgroup/cpu,cpuacct/docker/4f/cpu.cfs_quota_us"] = "50000\n";
    CHECK(processors_with(files) == 1U);
    files["/sys/fs/cgroup/cpu,cpuacct/docker/4f/cpu.cfs_quota_us"] = "800000\n";
    files["/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us"] = "150000\n";
    files["/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us"] = "50000\n";
    CHECK(processors_with(files) == 3U);
    // The files of other hierarchies are not read.
    files["/sys/fs/cgroup/memory/docker/4f/cpu.cfs_quota_us"] = "1000\n";
    CHECK(processors_with(files) == 3U);
}

TEST_CASE("both versions may be mounted, and a mount point may have blanks in its name",
          "[io][processors]") {
    const Files files{{"/proc/self/cgroup", "4:cpu:/a\n0::/b\n"},
                      {"/proc/self/mountinfo",
                       "34 24 0:31 / /mnt/c\\040pu rw - cgroup cgroup rw,cpu\n"
                       "35 24 0:32 / /mnt/two rw master:2 propagate_from:1 - cgroup2 cgroup2 rw\n"},
                      {"/mnt/c pu/a/cpu.cfs_quota_us", "700000\n"},
                      {"/mnt/c pu/a/cpu.cfs_period_us", "100000\n"},
                      {"/mnt/two/b/cpu.max", "900000 100000\n"}};
    CHECK(processors_with(files) == 7U);
}

TEST_CASE("no files, or strange ones, are no quota", "[io][processors]") {
    CHECK_FALSE(processors_with({}));
    CHECK_FALSE(processors_with({{"/proc/self/cgroup", "0::/\n"}}));
    CHECK_FALSE(processors_with(
        {{"/proc/self/mountinfo", unified_mount}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}}));
    CHECK_FALSE(processors_with({{"/proc/self/cgroup", "nothing\n:\n::\n4:cpu\n\n0::"},
                                 {"/proc/self/mountinfo",
                                  "\n1\n29 23 0:26 / /sys/fs/cgroup\n29 23 0:26 / /sys/fs/cgroup "
                                  "rw -\n\\ \\0 \\04 \\040\n"}}));
}
