// The order matters.
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/path_text.hpp"
#include "io/error.hpp"
#include "plugin/library_folder.hpp"

namespace portico::plugin {

namespace {

constexpr wchar_t prefix[] = L"portico-plugins-";
constexpr wchar_t lock_name[] = L"lock";
constexpr int depth_max = 8;  // of folders in a folder; a copy's dependencies lie no deeper

struct LocalMemory {
    void* pointer = nullptr;
    LocalMemory() = default;
    ~LocalMemory() { ::LocalFree(pointer); }
    LocalMemory(const LocalMemory&) = delete;
    LocalMemory& operator=(const LocalMemory&) = delete;
};

std::string reason_of(DWORD code) {
    return io::native_error_text(static_cast<int>(code));
}

// The account of this process. Its files belong to the account, or, for an administrator, to the
// owner that its token names.
class Account {
public:
    Account() noexcept {
        HANDLE token = nullptr;
        if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token) == FALSE) {
            return;
        }
        DWORD size = 0;
        has_user_ = ::GetTokenInformation(token, TokenUser, user_, sizeof user_, &size) != FALSE;
        has_owner_ = ::GetTokenInformation(token, TokenOwner, owner_, sizeof owner_, &size) !=
                     FALSE;
        ::CloseHandle(token);
    }
    [[nodiscard]] PSID user() const noexcept {
        return has_user_ ? reinterpret_cast<const TOKEN_USER*>(user_)->User.Sid : nullptr;
    }
    [[nodiscard]] bool owns(const std::filesystem::path& folder) const noexcept {
        PSID owner = nullptr;
        LocalMemory descriptor;
        if (::GetNamedSecurityInfoW(folder.c_str(), SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION,
                                    &owner, nullptr, nullptr, nullptr,
                                    &descriptor.pointer) != ERROR_SUCCESS) {
            return false;
        }
        return (has_user_ && ::EqualSid(owner, user()) != FALSE) ||
               (has_owner_ &&
                ::EqualSid(owner, reinterpret_cast<const TOKEN_OWNER*>(owner_)->Owner) != FALSE);
    }

private:
    alignas(void*) BYTE user_[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE]{};
    alignas(void*) BYTE owner_[sizeof(TOKEN_OWNER) + SECURITY_MAX_SID_SIZE]{};
    bool has_user_ = false;
    bool has_owner_ = false;
};

// Gives full access to this account and the system, and inherits nothing. In the system's own
// temporary folder everybody may write to folders that inherit, and a DLL beside a plugin is found
// before the system's. False: the code says why.
bool make_folder(const std::filesystem::path& folder, DWORD& code) {
    const Account account;
    LocalMemory user;
    if (account.user() == nullptr ||
        ::ConvertSidToStringSidW(account.user(), reinterpret_cast<LPWSTR*>(&user.pointer)) ==
            FALSE) {
        code = ::GetLastError();
        return false;
    }
    const std::wstring rights = L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;" +
                                std::wstring(static_cast<const wchar_t*>(user.pointer)) + L")";
    SECURITY_ATTRIBUTES attributes{};
    attributes.nLength = sizeof attributes;
    LocalMemory descriptor;
    if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(
            rights.c_str(), SDDL_REVISION_1, &descriptor.pointer, nullptr) == FALSE) {
        code = ::GetLastError();
        return false;
    }
    attributes.lpSecurityDescriptor = descriptor.pointer;
    if (::CreateDirectoryW(folder.c_str(), &attributes) == FALSE) {
        code = ::GetLastError();
        return false;
    }
    return true;
}

// Returns null if another process, or another server of this process, has the lock.
HANDLE lock_folder(const std::filesystem::path& folder) {
    const HANDLE lock = ::CreateFileW((folder / lock_name).c_str(), GENERIC_WRITE | DELETE, 0,
                                      nullptr, OPEN_ALWAYS,
                                      FILE_ATTRIBUTE_NORMAL | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
    return lock == INVALID_HANDLE_VALUE ? nullptr : lock;
}

template <class Action>
void for_each_entry(const std::filesystem::path& folder, const wchar_t* pattern, Action&& action) {
    WIN32_FIND_DATAW entry{};
    const HANDLE find = ::FindFirstFileW((folder / pattern).c_str(), &entry);
    if (find == INVALID_HANDLE_VALUE) {
        return;
    }
    do {
        const std::wstring_view name = entry.cFileName;
        if (name != L"." && name != L"..") {
            action(entry);
        }
    } while (::FindNextFileW(find, &entry) != FALSE);
    ::FindClose(find);
}

bool is_folder(const WIN32_FIND_DATAW& entry) noexcept {
    return (entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}
bool is_link(const WIN32_FIND_DATAW& entry) noexcept {
    return (entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
}

// Removes everything in the folder except the lock, and follows no link.
void remove_contents(const std::filesystem::path& folder, int depth) {
    for_each_entry(folder, L"*", [&](const WIN32_FIND_DATAW& entry) {
        const std::filesystem::path path = folder / entry.cFileName;
        if (!is_folder(entry)) {
            // the copy of a read-only file is read-only too
            ::SetFileAttributesW(path.c_str(), FILE_ATTRIBUTE_NORMAL);
            ::DeleteFileW(path.c_str());
            return;
        }
        if (!is_link(entry) && depth < depth_max) {
            remove_contents(path, depth + 1);
        }
        ::RemoveDirectoryW(path.c_str());
    });
}

}  // namespace

base::Result<std::unique_ptr<LibraryFolder>> LibraryFolder::make(const std::string& place) {
    std::unique_ptr<LibraryFolder> folder(new LibraryFolder);
    static std::atomic<std::uint32_t> count{0};
    DWORD code = ERROR_SUCCESS;
    constexpr int tries = 10;
    for (int i = 0; i < tries; ++i) {
        FILETIME now{};
        ::GetSystemTimeAsFileTime(&now);
        const std::filesystem::path made = base::path_from_utf8(place) /
                                           (prefix + std::to_wstring(::GetCurrentProcessId()) +
                                            L"-" + std::to_wstring(now.dwLowDateTime) + L"-" +
                                            std::to_wstring(++count));
        std::string path = base::utf8_from_path(made);
        if (!make_folder(made, code)) {
            if (code == ERROR_ALREADY_EXISTS) {
                continue;
            }
            break;
        }
        folder->lock_ = lock_folder(made);
        if (folder->lock_ != nullptr) {
            folder->path_ = std::move(path);
            return folder;
        }
        // Another process has removed it as a leftover.
        code = ::GetLastError();
        ::RemoveDirectoryW(made.c_str());
    }
    return base::Failure{reason_of(code)};
}

LibraryFolder::~LibraryFolder() {
    if (lock_ == nullptr) {
        return;
    }
    try {
        const std::filesystem::path folder = base::path_from_utf8(path_);
        remove_contents(folder, 0);
        ::CloseHandle(std::exchange(lock_, nullptr));
        ::RemoveDirectoryW(folder.c_str());
    } catch (const std::exception&) {
        // No memory for the names: a later process removes it.
        if (lock_ != nullptr) {
            ::CloseHandle(lock_);
        }
    }
}

void LibraryFolder::remove_leftovers(const std::string& place) noexcept {
    try {
        const Account account;
        const std::filesystem::path folder = base::path_from_utf8(place);
        const std::wstring pattern = std::wstring(prefix) + L"*";
        for_each_entry(folder, pattern.c_str(), [&](const WIN32_FIND_DATAW& entry) {
            const std::filesystem::path path = folder / entry.cFileName;
            if (!is_folder(entry) || is_link(entry) || !account.owns(path)) {
                return;
            }
            if (const HANDLE lock = lock_folder(path); lock != nullptr) {
                remove_contents(path, 0);
                ::CloseHandle(lock);
                ::RemoveDirectoryW(path.c_str());
            }
        });
    } catch (const std::exception&) {
        return;  // a later start tries again
    }
}

std::vector<std::string> LibraryFolder::temporary_places() {
    std::error_code code;
    const std::filesystem::path folder = std::filesystem::temp_directory_path(code);
    return code ? std::vector<std::string>()
                : std::vector<std::string>{base::utf8_from_path(folder)};
}

}  // namespace portico::plugin
