#include <windows.h>

#include <cstdio>

#include "base/path_text.hpp"
#include "verify/process.hpp"

namespace portico::verify {

namespace {

std::wstring wide(const std::string& text) {
    return base::path_from_utf8(text).native();
}

// As CommandLineToArgvW takes it apart again.
std::wstring quoted(const std::wstring& argument) {
    std::wstring out = L"\"";
    std::size_t backslashes = 0;
    for (const wchar_t letter : argument) {
        if (letter == L'\\') {
            ++backslashes;
            continue;
        }
        out.append(letter == L'"' ? 2 * backslashes + 1 : backslashes, L'\\');
        backslashes = 0;
        out += letter;
    }
    out.append(2 * backslashes, L'\\');
    return out + L"\"";
}

std::wstring own_path() {
    std::wstring path(32'768, L'\0');
    path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
    return path;
}

class Handle {
public:
    explicit Handle(HANDLE handle) noexcept : handle_(handle) {}
    ~Handle() {
        if (handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr) {
            ::CloseHandle(handle_);
        }
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    [[nodiscard]] HANDLE get() const noexcept { return handle_; }

private:
    HANDLE handle_;
};

ProcessEnd failure(const char* what) {
    ProcessEnd end;
    end.how = std::string(what) + ": error " + std::to_string(::GetLastError());
    return end;
}

}  // namespace

std::uint64_t process_number() noexcept {
    return ::GetCurrentProcessId();
}

ProcessEnd run_again(const std::vector<std::string>& arguments, const std::string& output_file,
                     std::uint32_t timeout_ms, bool) {
    const std::wstring program = own_path();
    std::wstring line = quoted(program);
    for (const std::string& argument : arguments) {
        line += L" " + quoted(wide(argument));
    }
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    const Handle output(::CreateFileW(wide(output_file).c_str(), GENERIC_WRITE,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, CREATE_ALWAYS,
                                      FILE_ATTRIBUTE_NORMAL, nullptr));
    const Handle input(::CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                     &inherited, OPEN_EXISTING, 0, nullptr));
    if (output.get() == INVALID_HANDLE_VALUE) {
        return failure("cannot write a file");
    }
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = input.get();
    startup.hStdOutput = output.get();
    startup.hStdError = output.get();
    PROCESS_INFORMATION process{};
    if (!::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr,
                          &startup, &process)) {
        return failure("cannot start a process");
    }
    const Handle thread(process.hThread);
    const Handle child(process.hProcess);
    ProcessEnd end;
    end.is_started = true;
    if (::WaitForSingleObject(child.get(), timeout_ms) == WAIT_TIMEOUT) {
        end.is_timed_out = true;
        ::TerminateProcess(child.get(), 1);
        ::WaitForSingleObject(child.get(), INFINITE);
    }
    DWORD code = 0;
    ::GetExitCodeProcess(child.get(), &code);
    // An exception's number, or the exit code of an abort.
    constexpr DWORD aborted = 3;
    if (code >= 0x8000'0000U || code == aborted) {
        char text[32];
        std::snprintf(text, sizeof text, "exception 0x%08lx", static_cast<unsigned long>(code));
        end.is_crashed = true;
        end.how = code == aborted ? "abort" : text;
    }
    end.code = static_cast<int>(code);
    return end;
}

}  // namespace portico::verify
