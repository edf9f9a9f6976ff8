#include <windows.h>

#include "base/path_text.hpp"
#include "io/error.hpp"
#include "plugin/library.hpp"

namespace portico::plugin {

base::Result<std::shared_ptr<Library>> Library::open(const std::string& path) {
    // No message box for a file that is not a library.
    DWORD old_mode = 0;
    ::SetThreadErrorMode(SEM_FAILCRITICALERRORS, &old_mode);
    const HMODULE handle = ::LoadLibraryExW(base::path_from_utf8(path).c_str(), nullptr,
                                            LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    const DWORD code = ::GetLastError();
    ::SetThreadErrorMode(old_mode, nullptr);
    if (handle == nullptr) {
        return base::Failure{io::native_error_text(static_cast<int>(code))};
    }
    return std::shared_ptr<Library>(new Library(handle));
}

Library::~Library() {
    if (!kept_) {
        ::FreeLibrary(static_cast<HMODULE>(handle_));
    }
}

void (*Library::symbol(const char* name) const noexcept)() {
    return reinterpret_cast<void (*)()>(::GetProcAddress(static_cast<HMODULE>(handle_), name));
}

const char* Library::suffix() noexcept {
    return ".dll";
}

}  // namespace portico::plugin
