#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>

#include "io/cgroup_quota.hpp"
#include "io/processors.hpp"

namespace portico::io {

namespace {

std::uint32_t processors_of_affinity() {
    // The kernel refuses a set that is too small for the machine's processors with EINVAL:
    // sched_setaffinity(2).
    constexpr int most = 1 << 20;
    for (int count = 1'024; count <= most; count *= 2) {
        struct Free {
            void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
        };
        const std::unique_ptr<cpu_set_t, Free> set(CPU_ALLOC(static_cast<std::size_t>(count)));
        const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(count));
        if (set == nullptr) {
            break;
        }
        CPU_ZERO_S(size, set.get());
        if (::sched_getaffinity(0, size, set.get()) == 0) {
            return static_cast<std::uint32_t>(std::max(1, CPU_COUNT_S(size, set.get())));
        }
        if (errno != EINVAL) {
            break;
        }
    }
    return static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        return std::nullopt;
    }
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

std::uint32_t usable_processors() {
    const std::uint32_t bound_to = processors_of_affinity();
    return std::min(bound_to, processors_of_cgroups(read_file).value_or(bound_to));
}

}  // namespace portico::io
