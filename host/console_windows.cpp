#include <windows.h>

#include <shellapi.h>

#include <atomic>
#include <mutex>

#include "console.hpp"

namespace portico {

namespace {

// One a process, as the console's handlers are.
std::mutex handler_mutex;
std::function<void(Request)> handler_action;  // under handler_mutex
std::atomic<int> requests{0};

std::string to_utf8(const wchar_t* text) {
    const int size = ::WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
    std::string result(static_cast<std::size_t>(size > 0 ? size : 1), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, text, -1, result.data(), size, nullptr, nullptr);
    result.pop_back();
    return result;
}

BOOL WINAPI handle(DWORD event) {
    if (requests.fetch_add(1) > 0 && (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT)) {
        // Not ExitProcess: it stops the other threads wherever they are and then runs what libraries do at their end, which may wait for one of them.
        ::TerminateProcess(::GetCurrentProcess(), 130);
    }
    const bool hurried = event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT;
    {
        const std::scoped_lock lock(handler_mutex);
        if (handler_action != nullptr) {
            handler_action(hurried ? Request::stop_hurried : Request::stop);
        }
    }
    if (hurried) {
        // The process ends when this handler returns, so it does not: main() returns in its own time, or the system ends us.
        ::Sleep(INFINITE);
    }
    return TRUE;
}

}  // namespace

void prepare_standard_streams() noexcept {
    ::SetConsoleOutputCP(CP_UTF8);
}

std::vector<std::string> utf8_arguments(int argc, char** argv) {
    int count = 0;
    wchar_t** wide = ::CommandLineToArgvW(::GetCommandLineW(), &count);
    if (wide == nullptr) {
        return {argv, argv + argc};
    }
    std::vector<std::string> arguments;
    for (int i = 0; i < count; ++i) {
        arguments.push_back(to_utf8(wide[i]));
    }
    ::LocalFree(wide);
    return arguments;
}

Requests::Requests(std::function<void(Request)> action) {
    {
        const std::scoped_lock lock(handler_mutex);
        handler_action = std::move(action);
    }
    requests = 0;
    ::SetConsoleCtrlHandler(nullptr, FALSE);  // a parent may have had Ctrl-C ignored, which is inherited
    ::SetConsoleCtrlHandler(handle, TRUE);
}

Requests::~Requests() {
    ::SetConsoleCtrlHandler(handle, FALSE);
    const std::scoped_lock lock(handler_mutex);
    handler_action = nullptr;
}

}  // namespace portico
