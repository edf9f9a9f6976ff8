#include "base/thread_name.hpp"

#include <cstdio>
#include <string_view>

#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>
#endif

namespace portico::base {

void name_this_thread(const char* name) noexcept {
#ifdef _WIN32
    wchar_t wide[64];
    std::size_t size = 0;
    for (; name[size] != '\0' && size + 1 < 64; ++size) {
        wide[size] = static_cast<wchar_t>(name[size]);  // our names are ASCII
    }
    wide[size] = L'\0';
    // Looked up at run time: Windows has it since 10, version 1607, and MinGW-w64's headers lack
    // it.
    using Set = HRESULT(WINAPI*)(HANDLE, PCWSTR);
    const HMODULE kernel = ::GetModuleHandleW(L"kernel32.dll");
    const auto set = reinterpret_cast<Set>(
        reinterpret_cast<void (*)()>(::GetProcAddress(kernel, "SetThreadDescription")));
    if (set != nullptr) {
        set(::GetCurrentThread(), wide);
    }
#else
    char kept[16] = {};  // a longer name would be refused
    std::string_view(name).copy(kept, sizeof kept - 1);
    ::pthread_setname_np(::pthread_self(), kept);
#endif
}

void name_this_thread(const char* name, std::uint32_t number) noexcept {
    char text[32];
    std::snprintf(text, sizeof text, "%s-%u", name, static_cast<unsigned>(number));
    name_this_thread(text);
}

}  // namespace portico::base
