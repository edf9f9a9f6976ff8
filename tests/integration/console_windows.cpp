// Does to a program what a Windows console does, for scripts:
//
//   in_console event NUMBER FILE -- COMMAND...
//       starts COMMAND. When FILE exists, sends it the console's event of that number (0 Ctrl-C,
//       1 Ctrl-Break, 2 close, 5 log off, 6 shut down) on a new thread of it, as the system does.
//       Prints how long it took to end, and ends with its exit code
//   in_console codepage -- COMMAND...
//       runs COMMAND, and prints the console's code page before and after; 0 if there is no console
#include <windows.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>

namespace {

constexpr DWORD limit_ms = 20'000;
constexpr int exit_wrong = 90;
constexpr int exit_still_there = 91;

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "in_console: %s: error %lu\n", what, ::GetLastError());
    std::exit(exit_wrong);
}

PROCESS_INFORMATION start() {
    const wchar_t* command = std::wcsstr(::GetCommandLineW(), L" -- ");
    if (command == nullptr) {
        give_up("no command after --");
    }
    wchar_t line[4'096];
    std::wcsncpy(line, command + 4, 4'095);
    line[4'095] = L'\0';
    STARTUPINFOW with{};
    with.cb = sizeof with;
    PROCESS_INFORMATION process{};
    if (!::CreateProcessW(nullptr, line, nullptr, nullptr, TRUE, 0, nullptr, nullptr, &with,
                          &process)) {
        give_up("the command does not start");
    }
    return process;
}

int end_of(HANDLE process) {
    if (::WaitForSingleObject(process, limit_ms) != WAIT_OBJECT_0) {
        ::TerminateProcess(process, exit_still_there);
        ::WaitForSingleObject(process, limit_ms);
    }
    DWORD code = exit_wrong;
    ::GetExitCodeProcess(process, &code);
    return static_cast<int>(code);
}

int event(const char* number, const char* file) {
    const PROCESS_INFORMATION started = start();
    for (DWORD waited = 0; ::GetFileAttributesA(file) == INVALID_FILE_ATTRIBUTES; waited += 20) {
        if (waited > 3 * limit_ms) {
            ::TerminateProcess(started.hProcess, exit_wrong);
            give_up("the file does not come");
        }
        ::Sleep(20);
    }
    // The system calls this on a new thread of each process of a console. It is loaded at the same
    // address in all.
    HMODULE library = ::GetModuleHandleW(L"kernelbase.dll");
    auto routine = library == nullptr ? nullptr : ::GetProcAddress(library, "CtrlRoutine");
    if (routine == nullptr) {
        routine = ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "CtrlRoutine");
    }
    if (routine == nullptr) {
        give_up("no CtrlRoutine");
    }
    const ULONGLONG before = ::GetTickCount64();
    const HANDLE thread = ::CreateRemoteThread(
        started.hProcess, nullptr, 0,
        reinterpret_cast<LPTHREAD_START_ROUTINE>(reinterpret_cast<void (*)()>(routine)),
        reinterpret_cast<void*>(static_cast<INT_PTR>(std::atoi(number))), 0, nullptr);
    if (thread == nullptr) {
        give_up("the event cannot be sent");
    }
    const int code = end_of(started.hProcess);
    std::printf("ended with %d after %llu ms\n", code, ::GetTickCount64() - before);
    return code;
}

int codepage() {
    const UINT before = ::GetConsoleOutputCP();
    const PROCESS_INFORMATION started = start();
    const int code = end_of(started.hProcess);
    std::printf("before %u after %u\n", before, ::GetConsoleOutputCP());
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc >= 5 && std::strcmp(argv[1], "event") == 0) {
        return event(argv[2], argv[3]);
    }
    if (argc >= 3 && std::strcmp(argv[1], "codepage") == 0) {
        return codepage();
    }
    return exit_wrong;
}
