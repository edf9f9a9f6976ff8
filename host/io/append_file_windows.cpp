#include <windows.h>

#include <io.h>

#include <algorithm>
#include <cstdio>

#include "base/path_text.hpp"
#include "io/append_file.hpp"
#include "io/error.hpp"

namespace portico::io {

namespace {

HANDLE native(std::intptr_t handle) noexcept {
    return reinterpret_cast<HANDLE>(handle);
}

// Others may do anything with the open file, so that it can be rotated.
constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

}  // namespace

base::Result<std::unique_ptr<AppendFile>> AppendFile::open(const std::string& name) {
    const std::filesystem::path path = base::path_from_utf8(name);
    std::unique_ptr<AppendFile> made(new AppendFile);  // before the file, so that it has an owner
    made->name_ = name;
    // Without security attributes no child inherits it. With FILE_APPEND_DATA alone each write goes
    // to the end.
    const HANDLE file = ::CreateFileW(
        path.c_str(), FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, share_all, nullptr,
        OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file == INVALID_HANDLE_VALUE) {
        return base::Failure{"cannot open the log file \"" + name +
                             "\": " + error_text(static_cast<int>(::GetLastError()))};
    }
    made->handle_ = reinterpret_cast<std::intptr_t>(file);
    BY_HANDLE_FILE_INFORMATION found{};
    if (::GetFileInformationByHandle(file, &found)) {  // not of a pipe or a device
        made->volume_ = found.dwVolumeSerialNumber;
        made->number_ = (std::uint64_t{found.nFileIndexHigh} << 32) | found.nFileIndexLow;
    }
    return made;
}

std::unique_ptr<AppendFile> AppendFile::standard_error() {
    return std::unique_ptr<AppendFile>(new AppendFile);
}

AppendFile::~AppendFile() {
    if (!name_.empty() && handle_ != -1) {
        ::CloseHandle(native(handle_));
    }
}

bool AppendFile::writable_within(std::uint32_t) noexcept {
    return true;
}

AppendFile::Written AppendFile::write(std::string_view bytes) noexcept {
    // This bypasses the C library's stream: a write that waits would hold the stream's lock, which
    // the end of the process needs.
    const HANDLE file = name_.empty() ? native(::_get_osfhandle(_fileno(stderr))) : native(handle_);
    DWORD written = 0;
    const BOOL done = ::WriteFile(file, bytes.data(),
                                  static_cast<DWORD>(std::min<std::size_t>(bytes.size(), 65'536)),
                                  &written, nullptr);
    const DWORD error = done ? 0 : ::GetLastError();
    return {written,
            static_cast<int>(written == 0 && error == 0 && !bytes.empty() ? ERROR_NO_DATA : error)};
}

std::string AppendFile::error_text(int error) {
    return native_error_text(error);
}

bool AppendFile::was_moved() const noexcept {
    if (name_.empty() || number_ == 0) {
        return false;
    }
    // A removed file stays until its last handle is closed, and cannot be opened any more.
    FILE_STANDARD_INFO state{};
    if (::GetFileInformationByHandleEx(native(handle_), FileStandardInfo, &state, sizeof state) &&
        (state.DeletePending || state.NumberOfLinks == 0)) {
        return true;
    }
    HANDLE there = INVALID_HANDLE_VALUE;
    try {
        there = ::CreateFileW(base::path_from_utf8(name_).c_str(), FILE_READ_ATTRIBUTES, share_all,
                              nullptr, OPEN_EXISTING, 0, nullptr);
    } catch (...) {
        return false;  // out of memory: asked again later
    }
    if (there == INVALID_HANDLE_VALUE) {
        return true;
    }
    BY_HANDLE_FILE_INFORMATION found{};
    const bool known = ::GetFileInformationByHandle(there, &found) != 0;
    ::CloseHandle(there);
    return known &&
           (found.dwVolumeSerialNumber != volume_ ||
            ((std::uint64_t{found.nFileIndexHigh} << 32) | found.nFileIndexLow) != number_);
}

void take_write_errors_as_values() noexcept {}  // they are

std::uint32_t this_thread_number() noexcept {
    return ::GetCurrentThreadId();
}

void cancel_waits_of(std::uint32_t thread_number) noexcept {
    if (const HANDLE thread = ::OpenThread(THREAD_TERMINATE, FALSE, thread_number)) {
        ::CancelSynchronousIo(thread);
        ::CloseHandle(thread);
    }
}

}  // namespace portico::io
