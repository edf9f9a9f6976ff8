#include "io/cgroup_quota.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

namespace portico::io {

namespace {

// Takes the first word off the text; empty at its end.
std::string_view take_word(std::string_view& text) noexcept {
    constexpr std::string_view blanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    const std::size_t size = std::min(text.find_first_of(blanks), text.size());
    const std::string_view word = text.substr(0, size);
    text.remove_prefix(size);
    return word;
}

std::optional<std::uint64_t> number_of(std::string_view word) noexcept {
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (code != std::errc() || end != word.data() + word.size()) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::uint32_t> processors_of(std::string_view quota,
                                           std::string_view period) noexcept {
    const std::optional<std::uint64_t> quota_us = number_of(quota);
    const std::optional<std::uint64_t> period_us = number_of(period);
    if (!quota_us || !period_us || *period_us == 0) {
        return std::nullopt;
    }
    const std::uint64_t processors = *quota_us / *period_us + (*quota_us % *period_us != 0 ? 1 : 0);
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(processors, 1, std::numeric_limits<std::uint32_t>::max()));
}

template <class Line>
void for_each_line(std::string_view text, Line&& line) {
    while (!text.empty()) {
        const std::size_t size = std::min(text.find('\n'), text.size());
        line(text.substr(0, size));
        text.remove_prefix(std::min(size + 1, text.size()));
    }
}

bool is_in_list(std::string_view list, std::string_view wanted) noexcept {
    while (!list.empty()) {
        const std::size_t size = std::min(list.find(','), list.size());
        if (list.substr(0, size) == wanted) {
            return true;
        }
        list.remove_prefix(std::min(size + 1, list.size()));
    }
    return false;
}

// The kernel writes a blank, a backslash and the like in a path as three octal digits:
// proc_pid_mountinfo(5).
std::string without_escapes(std::string_view text) {
    const auto is_octal = [](char letter) { return letter >= '0' && letter <= '7'; };
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 3 < text.size() &&
            std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                        text.begin() + static_cast<std::ptrdiff_t>(at) + 4, is_octal)) {
            plain += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                                       (text[at + 3] - '0'));
            at += 3;
        } else {
            plain += text[at];
        }
    }
    return plain;
}

// The process's group in a hierarchy: "0::/a/b" (version 2), "4:cpu,cpuacct:/a/b" (version 1).
struct Groups {
    std::optional<std::string> unified;
    std::optional<std::string> cpu;
};

Groups groups_of(std::string_view proc_cgroup) {
    Groups groups;
    for_each_line(proc_cgroup, [&](std::string_view line) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first
                                                                   : line.find(':', first + 1);
        if (second == std::string_view::npos) {
            return;
        }
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        if (line.substr(0, first) == "0" && controllers.empty()) {
            groups.unified = line.substr(second + 1);
        } else if (is_in_list(controllers, "cpu")) {
            groups.cpu = line.substr(second + 1);
        }
    });
    return groups;
}

// "36 35 98:0 /root-of-the-mount /mount/point options - type source super-options", sometimes with
// more fields before the "-".
struct Mount {
    std::string root;
    std::string point;
    std::string_view type;
    std::string_view options;
};

std::optional<Mount> mount_of(std::string_view line) {
    Mount mount;
    for (int skipped = 0; skipped < 3; ++skipped) {
        take_word(line);
    }
    mount.root = without_escapes(take_word(line));
    mount.point = without_escapes(take_word(line));
    std::string_view word = take_word(line);
    while (!word.empty() && word != "-") {
        word = take_word(line);
    }
    mount.type = take_word(line);
    take_word(line);  // the source
    mount.options = take_word(line);
    if (mount.point.empty() || mount.type.empty()) {
        return std::nullopt;
    }
    return mount;
}

// The folders of the process's group and of the groups around it, as far as they are mounted. A
// group outside of the mounted part (a container sees the host's path of its group) is taken for
// the mounted one.
std::vector<std::string> folders_of(const Mount& mount, const std::string& group) {
    std::string below;  // the group below the mount's root: "" or "/a/b"
    const std::string root = mount.root == "/" ? "" : mount.root;
    if (group.starts_with(root) && (group.size() == root.size() || group[root.size()] == '/') &&
        group.find("/..") == std::string::npos) {
        below = group.substr(root.size());
    }
    while (!below.empty() && below.back() == '/') {
        below.pop_back();
    }
    std::vector<std::string> folders{mount.point + below};
    while (!below.empty()) {
        below.resize(below.rfind('/'));
        folders.push_back(mount.point + below);
    }
    return folders;
}

}  // namespace

std::optional<std::uint32_t> processors_of_cpu_max(std::string_view cpu_max) noexcept {
    const std::string_view quota = take_word(cpu_max);
    return processors_of(quota, take_word(cpu_max));  // "max" is no number
}

std::optional<std::uint32_t> processors_of_cfs(std::string_view quota_us,
                                               std::string_view period_us) noexcept {
    // "-1" is no unsigned number either.
    return processors_of(take_word(quota_us), take_word(period_us));
}

std::optional<std::uint32_t> processors_of_cgroups(const ReadFile& read) {
    const Groups groups = groups_of(read("/proc/self/cgroup").value_or(""));
    std::optional<std::uint32_t> least;
    const auto allow = [&](std::optional<std::uint32_t> processors) {
        if (processors) {
            least = std::min(*processors, least.value_or(*processors));
        }
    };
    const std::string mounts = read("/proc/self/mountinfo").value_or("");
    for_each_line(mounts, [&](std::string_view line) {
        const std::optional<Mount> mount = mount_of(line);
        if (!mount) {
            return;
        }
        if (mount->type == "cgroup2" && groups.unified) {
            for (const std::string& folder : folders_of(*mount, *groups.unified)) {
                allow(processors_of_cpu_max(read(folder + "/cpu.max").value_or("")));
            }
        } else if (mount->type == "cgroup" && groups.cpu && is_in_list(mount->options, "cpu")) {
            for (const std::string& folder : folders_of(*mount, *groups.cpu)) {
                if (const std::optional<std::string> quota = read(folder + "/cpu.cfs_quota_us")) {
                    allow(processors_of_cfs(*quota,
                                            read(folder + "/cpu.cfs_period_us").value_or("")));
                }
            }
        }
    });
    return least;
}

}  // namespace portico::io
