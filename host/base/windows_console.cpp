#include "base/windows_console.hpp"

#include <windows.h>

#include <atomic>
#include <cstdlib>

#include "base/command_line.hpp"

namespace portico::base {

namespace {

// The console's code page before; 0 if it was not changed or has been restored. The exchange lets
// only one thread restore it.
std::atomic<UINT> code_page_before{0};

}  // namespace

std::string to_utf8(std::wstring_view wide) {
    const int length = static_cast<int>(wide.size());
    const int size = ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, nullptr, 0, nullptr,
                                           nullptr);
    std::string text(static_cast<std::size_t>(size), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, text.data(), size, nullptr, nullptr);
    return text;
}

std::vector<std::string> utf8_arguments() {
    std::vector<std::string> arguments;
    for (const std::wstring& argument : split_command_line(::GetCommandLineW())) {
        arguments.push_back(to_utf8(argument));
    }
    return arguments;
}

void begin_utf8_output() noexcept {
    const UINT before = ::GetConsoleOutputCP();
    if (before != 0 && before != CP_UTF8 && ::SetConsoleOutputCP(CP_UTF8)) {
        code_page_before = before;
        std::atexit(end_utf8_output);
    }
}

void end_utf8_output() noexcept {
    if (const UINT before = code_page_before.exchange(0); before != 0) {
        ::SetConsoleOutputCP(before);
    }
}

}  // namespace portico::base
