#include <windows.h>

#include <io.h>
#include <algorithm>
#include <iostream>

#include "base/windows_console.hpp"
#include "cli/platform.hpp"

namespace portico::client {

namespace {

std::atomic<std::atomic<bool>*> interrupt_flag{nullptr};

BOOL WINAPI on_console_event(DWORD) {
    if (!interrupt_flag.load()->exchange(true)) {
        return TRUE;
    }
    base::end_utf8_output();
    return FALSE;  // the default handler ends the process
}

// A console gives its input only as UTF-16 (its UTF-8 input is broken before Windows 11).
bool read_console_line(HANDLE console, std::string& line) {
    std::wstring wide;
    for (;;) {
        wchar_t part[256];
        DWORD size = 0;
        if (!::ReadConsoleW(console, part, 256, &size, nullptr) || size == 0) {
            return false;
        }
        wide.append(part, size);
        if (wide.back() == L'\n') {
            break;
        }
    }
    while (!wide.empty() && (wide.back() == L'\n' || wide.back() == L'\r')) {
        wide.pop_back();
    }
    if (wide.starts_with(L'\x1a')) {
        return false;  // Ctrl-Z: the end of the input
    }
    line = base::to_utf8(wide);
    return true;
}

}  // namespace

std::vector<std::string> command_line(int, char**) {
    std::vector<std::string> arguments = base::utf8_arguments();
    if (!arguments.empty()) {
        arguments.erase(arguments.begin());
    }
    return arguments;
}

bool prepare_console() {
    base::begin_utf8_output();
    const HANDLE output = ::GetStdHandle(STD_OUTPUT_HANDLE);
    return output != nullptr && output != INVALID_HANDLE_VALUE;
}

bool input_is_terminal() noexcept {
    DWORD mode = 0;
    return ::GetConsoleMode(::GetStdHandle(STD_INPUT_HANDLE), &mode) != 0;
}

bool output_is_terminal() noexcept {
    DWORD mode = 0;
    return ::GetConsoleMode(::GetStdHandle(STD_OUTPUT_HANDLE), &mode) != 0;
}

std::size_t terminal_columns() noexcept {
    for (const DWORD which : {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
        CONSOLE_SCREEN_BUFFER_INFO info;
        if (::GetConsoleScreenBufferInfo(::GetStdHandle(which), &info)) {
            return static_cast<std::size_t>(
                std::max(info.srWindow.Right - info.srWindow.Left + 1, 0));
        }
    }
    return 0;
}

bool error_output_is_terminal() noexcept {
    DWORD mode = 0;
    return ::GetConsoleMode(::GetStdHandle(STD_ERROR_HANDLE), &mode) != 0;
}

bool read_line(std::string& line) {
    if (input_is_terminal()) {
        return read_console_line(::GetStdHandle(STD_INPUT_HANDLE), line);
    }
    return static_cast<bool>(std::getline(std::cin, line));
}

void set_on_interrupt(std::atomic<bool>& flag) noexcept {
    interrupt_flag.store(&flag);
    ::SetConsoleCtrlHandler(on_console_event, TRUE);
}

std::uint64_t raise_descriptor_limit() noexcept {
    return UINT64_MAX;
}

}  // namespace portico::client
