#include <windows.h>

#include <string_view>

#include "report/path_kind.hpp"

namespace portico::client {

PathKind kind_of(const std::filesystem::path& path) noexcept {
    // "NUL", "CON" and the like become "\\\\.\\NUL". Pipes have such names too, and opening one
    // would take one of its connections.
    wchar_t full[MAX_PATH];
    const DWORD size = ::GetFullPathNameW(path.c_str(), MAX_PATH, full, nullptr);
    if (size != 0 && size < MAX_PATH && std::wstring_view(full, size).starts_with(L"\\\\.\\")) {
        return PathKind::other;
    }
    const DWORD attributes = ::GetFileAttributesW(path.c_str());
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        return PathKind::absent;
    }
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        return PathKind::folder;
    }
    if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
        return PathKind::link;
    }
    constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    const HANDLE file = ::CreateFileW(path.c_str(), 0, share_all, nullptr, OPEN_EXISTING, 0,
                                      nullptr);
    if (file == INVALID_HANDLE_VALUE) {
        return PathKind::plain_file;
    }
    const bool is_on_disk = ::GetFileType(file) == FILE_TYPE_DISK;
    ::CloseHandle(file);
    return is_on_disk ? PathKind::plain_file : PathKind::other;
}

}  // namespace portico::client
