// The order matters.
#include <windows.h>

#include <aclapi.h>

#include "base/path_text.hpp"
#include "io/error.hpp"
#include "io/private_file.hpp"

namespace portico::io {

namespace {

// Groups to which ordinary accounts belong.
struct WideGroup {
    WELL_KNOWN_SID_TYPE type;
    const char* name;
};
constexpr WideGroup wide_groups[] = {
    {WinWorldSid, "Everyone"},       {WinAuthenticatedUserSid, "Authenticated Users"},
    {WinBuiltinUsersSid, "Users"},   {WinInteractiveSid, "INTERACTIVE"},
    {WinBuiltinGuestsSid, "Guests"},
};

// The group that an entry lets read the file, or null.
const char* reader_of(const ACE_HEADER& header) noexcept {
    if (header.AceType != ACCESS_ALLOWED_ACE_TYPE) {
        return nullptr;
    }
    const auto& entry = reinterpret_cast<const ACCESS_ALLOWED_ACE&>(header);
    if ((entry.Mask & (FILE_READ_DATA | GENERIC_READ | GENERIC_ALL)) == 0) {
        return nullptr;
    }
    const auto sid = const_cast<PSID>(static_cast<const void*>(&entry.SidStart));
    for (const WideGroup& group : wide_groups) {
        if (::IsWellKnownSid(sid, group.type) != FALSE) {
            return group.name;
        }
    }
    return nullptr;
}

}  // namespace

base::Result<void> check_private(const std::string& file) {
    PACL list = nullptr;
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    const DWORD code = ::GetNamedSecurityInfoW(base::path_from_utf8(file).c_str(), SE_FILE_OBJECT,
                                               DACL_SECURITY_INFORMATION, nullptr, nullptr, &list,
                                               nullptr, &descriptor);
    if (code != ERROR_SUCCESS) {
        return base::Failure{file + ": " + native_error_text(static_cast<int>(code))};
    }
    // No list at all lets everybody in.
    const char* reader = list == nullptr ? "Everyone" : nullptr;
    for (DWORD index = 0; list != nullptr && index < list->AceCount && reader == nullptr; ++index) {
        void* entry = nullptr;
        if (::GetAce(list, index, &entry) != FALSE) {
            reader = reader_of(*static_cast<const ACE_HEADER*>(entry));
        }
    }
    ::LocalFree(descriptor);
    if (reader != nullptr) {
        return base::Failure{file + " may be read by the group " + reader + ": icacls \"" + file +
                             "\" /inheritance:r /grant:r \"%USERNAME%:R\" (the host's account)"};
    }
    return {};
}

}  // namespace portico::io
