#include "io/process_limits.hpp"

#include "base/path_text.hpp"

#ifdef _WIN32
#include <windows.h>

#include <vector>
#else
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>
#endif

namespace portico::io {

#ifdef _WIN32

std::uint64_t raise_descriptor_limit() noexcept {
    return UINT64_MAX;  // handles are bounded by memory
}

std::uint32_t process_id() noexcept {
    return ::GetCurrentProcessId();
}

std::string program_directory() {
    std::vector<wchar_t> name(32'768);  // the longest path on Windows
    const DWORD size = ::GetModuleFileNameW(nullptr, name.data(), static_cast<DWORD>(name.size()));
    return base::utf8_from_path(
        std::filesystem::path(std::wstring(name.data(), size)).parent_path());
}

#else

std::uint64_t raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return UINT64_MAX;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max;
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

std::uint32_t process_id() noexcept {
    return static_cast<std::uint32_t>(::getpid());
}

std::string program_directory() {
    std::error_code code;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", code);
    return code ? std::string() : base::utf8_from_path(program.parent_path());
}

#endif

}  // namespace portico::io
