#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <ctime>
#include <string_view>

#include "io/process_usage.hpp"

namespace portico::io {

namespace {

// The begin of a file of /proc, which is made while it is read.
class ProcFile {
public:
    explicit ProcFile(const char* path) noexcept {
        const int file = ::open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            return;
        }
        const ssize_t size = ::read(file, text_, sizeof text_);
        size_ = size > 0 ? static_cast<std::size_t>(size) : 0;
        ::close(file);
    }
    [[nodiscard]] std::string_view text() const noexcept { return {text_, size_}; }

private:
    char text_[4'096];
    std::size_t size_ = 0;
};

// The word number `index`, from 0, as a number.
std::optional<std::uint64_t> number_at(std::string_view text, int index) noexcept {
    for (; index > 0; --index) {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) {
            return std::nullopt;
        }
        text.remove_prefix(space + 1);
    }
    std::uint64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) {
        return std::nullopt;
    }
    return number;
}

double seconds_of(const timespec& time) noexcept {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<double> seconds_on(clockid_t clock) noexcept {
    timespec now{};
    return ::clock_gettime(clock, &now) == 0 ? std::optional(seconds_of(now)) : std::nullopt;
}

std::optional<std::uint64_t> open_descriptors() noexcept {
    constexpr const char* folder = "/proc/self/fd";
    struct stat about {};
    // Since Linux 6.2 its size is their number.
    if (::stat(folder, &about) == 0 && about.st_size > 0) {
        return static_cast<std::uint64_t>(about.st_size);
    }
    DIR* const entries = ::opendir(folder);
    if (entries == nullptr) {
        return std::nullopt;
    }
    std::uint64_t count = 0;
    while (const dirent* entry = ::readdir(entries)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    ::closedir(entries);
    return count - 1;  // without the one that has read them
}

}  // namespace

ProcessUsage process_usage() noexcept {
    ProcessUsage usage;
    usage.cpu_seconds = seconds_on(CLOCK_PROCESS_CPUTIME_ID);
    const ProcFile statm("/proc/self/statm");
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (const auto pages = number_at(statm.text(), 0)) {
        usage.virtual_bytes = *pages * page_bytes;
    }
    if (const auto pages = number_at(statm.text(), 1)) {
        usage.resident_bytes = *pages * page_bytes;
    }
    usage.open_fds = open_descriptors();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        usage.max_fds = limit.rlim_cur;
    }
    return usage;
}

// /proc has the time since the system's start, in ticks. The system's start is now, less what has
// passed since then.
std::optional<double> process_start_seconds() noexcept {
    const ProcFile stat("/proc/self/stat");
    // The second word is the program's name in brackets, which may have spaces and brackets.
    const std::size_t end_of_name = stat.text().rfind(')');
    if (end_of_name == std::string_view::npos) {
        return std::nullopt;
    }
    // The start is word 22 of proc(5), and " 3" follows the bracket.
    const auto ticks = number_at(stat.text().substr(end_of_name), 20);
    const std::optional<double> now = seconds_on(CLOCK_REALTIME);
    const std::optional<double> since_boot = seconds_on(CLOCK_BOOTTIME);
    const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
    if (!ticks || !now || !since_boot || ticks_per_second <= 0) {
        return std::nullopt;
    }
    return *now - *since_boot + static_cast<double>(*ticks) / static_cast<double>(ticks_per_second);
}

}  // namespace portico::io
