#include <windows.h>

#include <atomic>
#include <mutex>

#include "base/windows_console.hpp"
#include "program/console.hpp"

namespace portico {

namespace {

// One for each process, like the console's handlers.
std::mutex handler_mutex;
std::function<void(Request)> handler_action;  // under handler_mutex
std::atomic<int> requests{0};

// A service runs in session 0 and gets the event when any user logs off; its own user never does.
bool is_service() noexcept {
    DWORD session = 1;
    return ::ProcessIdToSessionId(::GetCurrentProcessId(), &session) && session == 0;
}

BOOL WINAPI handle(DWORD event) {
    if (event == CTRL_LOGOFF_EVENT && is_service()) {
        return TRUE;
    }
    if (requests.fetch_add(1) > 0 && (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT)) {
        base::end_utf8_output();
        // ExitProcess would stop the other threads anywhere and then run the libraries' exit code,
        // which may wait for one of them.
        ::TerminateProcess(::GetCurrentProcess(), 130);
    }
    const bool hurried = event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT ||
                         event == CTRL_SHUTDOWN_EVENT;
    {
        const std::scoped_lock lock(handler_mutex);
        if (handler_action != nullptr) {
            handler_action(hurried ? Request::stop_hurried : Request::stop);
        }
    }
    if (hurried) {
        // The process ends if this handler returns, so it does not: main() returns, or the system
        // ends the process. Meanwhile Windows holds its lock for handlers, so nobody can add or
        // remove one.
        ::Sleep(INFINITE);
    }
    return TRUE;
}

}  // namespace

void prepare_process() noexcept {
    // A library that a plugin loads by a bare name must not come from the current folder. (Wine
    // still looks there.)
    ::SetDllDirectoryW(L"");
    base::begin_utf8_output();
}

bool lacks_standard_output() noexcept {
    return false;  // a write reports it
}

void restore_console() noexcept {
    base::end_utf8_output();
}

std::vector<std::string> utf8_arguments(int, char**) {
    return base::utf8_arguments();
}

// If Ctrl-C was ignored at the start (`start /b`), the system keeps it ignored.
Requests::Requests(std::function<void(Request)> action) {
    {
        const std::scoped_lock lock(handler_mutex);
        handler_action = std::move(action);
    }
    requests = 0;
    ::SetConsoleCtrlHandler(handle, TRUE);
}

// The handler stays installed. To remove it would wait for one that sleeps, and the process would
// never end.
Requests::~Requests() {
    const std::scoped_lock lock(handler_mutex);
    handler_action = nullptr;
}

}  // namespace portico
