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

constexpr std::size_t regular_write_max = 65'536;
// A pipe's write of this size waits for its reader only briefly, and is one message.
constexpr std::size_t pipe_write_max = 4'096;

// The byte that is locked lies where no file has any: a lock of bytes that exist would hold up
// their writers.
constexpr DWORD lock_offset_high = 0x4000'0000;

// What identifies a file on its volume.
struct FileNumber {
    std::uint64_t volume = 0;
    std::uint64_t number = 0;

    bool operator==(const FileNumber&) const = default;
};

// False for a pipe or a device.
bool number_of(HANDLE file, FileNumber& number) noexcept {
    BY_HANDLE_FILE_INFORMATION found{};
    if (!::GetFileInformationByHandle(file, &found)) {
        return false;
    }
    number = {found.dwVolumeSerialNumber,
              (std::uint64_t{found.nFileIndexHigh} << 32) | found.nFileIndexLow};
    return true;
}

// The file that the name leads to now. INVALID_HANDLE_VALUE: none, or memory is out.
HANDLE open_there(const std::string& name, DWORD access) noexcept {
    try {
        return ::CreateFileW(base::path_from_utf8(name).c_str(), access, share_all, nullptr,
                             OPEN_EXISTING, 0, nullptr);
    } catch (...) {
        ::SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return INVALID_HANDLE_VALUE;
    }
}

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
    FileNumber found;
    if (number_of(file, found)) {
        made->volume_ = found.volume;
        made->number_ = found.number;
        made->is_regular_ = ::GetFileType(file) == FILE_TYPE_DISK;
    }
    return made;
}

std::unique_ptr<AppendFile> AppendFile::standard_error() {
    return std::unique_ptr<AppendFile>(new AppendFile);
}

AppendFile::~AppendFile() {
    unlock();
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
                                  static_cast<DWORD>(std::min(bytes.size(), write_max())), &written,
                                  nullptr);
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
    const HANDLE there = open_there(name_, FILE_READ_ATTRIBUTES);
    if (there == INVALID_HANDLE_VALUE) {
        return ::GetLastError() != ERROR_NOT_ENOUGH_MEMORY;  // else it is asked again later
    }
    FileNumber found;
    const bool known = number_of(there, found);
    ::CloseHandle(there);
    return known && found != FileNumber{volume_, number_};
}

std::size_t AppendFile::write_max() const noexcept {
    return is_regular_ ? regular_write_max : pipe_write_max;
}

std::uint64_t AppendFile::size() const noexcept {
    LARGE_INTEGER size{};
    if (!is_regular_ || !::GetFileSizeEx(native(handle_), &size)) {
        return 0;
    }
    return static_cast<std::uint64_t>(size.QuadPart);
}

bool AppendFile::try_lock() noexcept {
    // The handle that appends has not the access that a lock needs.
    const HANDLE there = open_there(name_, FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE);
    if (there == INVALID_HANDLE_VALUE) {
        return ::GetLastError() == ERROR_ACCESS_DENIED && !was_moved();  // it may not be read
    }
    FileNumber found;
    OVERLAPPED place{};
    place.OffsetHigh = lock_offset_high;
    const bool is_it = number_of(there, found) && found == FileNumber{volume_, number_};
    const bool is_locked = is_it &&
                           ::LockFileEx(there, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY,
                                        0, 1, 0, &place);
    const bool is_busy = is_it && !is_locked && ::GetLastError() == ERROR_LOCK_VIOLATION;
    if (!is_locked) {
        ::CloseHandle(there);
        return is_it && !is_busy;
    }
    lock_ = reinterpret_cast<std::intptr_t>(there);
    if (was_moved()) {  // before it was locked
        unlock();
        return false;
    }
    return true;
}

void AppendFile::unlock() noexcept {
    if (lock_ != -1) {
        ::CloseHandle(native(lock_));
        lock_ = -1;
    }
}

bool standard_error_is_journal() noexcept {
    return false;
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
