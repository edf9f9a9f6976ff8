#include <windows.h>

#include "base/path_text.hpp"
#include "io/error.hpp"
#include "plugin/library.hpp"

namespace portico::plugin {

namespace {

// Gives the reason in better words than the system's. Its sentence for 126 does not say whether the
// file is missing or something that it needs, and the one for 193 has a gap for the file ("%1 is
// not a valid ...").
std::string why_not_loaded(DWORD code) {
    const std::string number = " (error " + std::to_string(code) + ")";
    switch (code) {
        case ERROR_MOD_NOT_FOUND:
            return "a DLL that it needs is neither beside it nor in the system's folder" + number;
        case ERROR_BAD_EXE_FORMAT:
            return "it is not a DLL of this system and word size, or it is damaged" + number;
        default: return io::native_error_text(static_cast<int>(code));
    }
}

}  // namespace

base::Result<std::shared_ptr<Library>> Library::open(const std::string& path) {
    const std::shared_ptr<Library> library(new Library);
    const std::filesystem::path file = base::path_from_utf8(path);
    // No message box for a file that is not a library.
    DWORD old_mode = 0;
    ::SetThreadErrorMode(SEM_FAILCRITICALERRORS, &old_mode);
    library->handle_ = ::LoadLibraryExW(
        file.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    const DWORD code = ::GetLastError();
    ::SetThreadErrorMode(old_mode, nullptr);
    if (library->handle_ == nullptr) {
        return base::Failure{why_not_loaded(code)};
    }
    return library;
}

Library::~Library() {
    if (handle_ != nullptr && !kept_) {
        ::FreeLibrary(static_cast<HMODULE>(handle_));
    }
}

void (*Library::symbol(const char* name) const noexcept)() {
    return reinterpret_cast<void (*)()>(::GetProcAddress(static_cast<HMODULE>(handle_), name));
}

base::Result<std::vector<std::string>> Library::names_in(const std::string& directory) {
    std::error_code code;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator at(base::path_from_utf8(directory), code), end;
         !code && at != end; at.increment(code)) {
        std::error_code of_file;
        if (at->path().extension() == suffix() && at->is_regular_file(of_file)) {
            names.push_back(base::utf8_from_path(at->path().stem()));
        }
    }
    if (code) {
        return base::Failure{code.message()};
    }
    return names;
}

const char* Library::suffix() noexcept {
    return ".dll";
}

}  // namespace portico::plugin
