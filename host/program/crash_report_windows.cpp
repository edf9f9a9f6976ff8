// Crash reports by structured exceptions. What nobody handles comes to the filter. Two ends never
// do: an abort of the C library, for which there is a signal, and a heap that the system finds
// broken, which only a vectored handler sees. (Nothing in the process sees a __fastfail.)
#include <windows.h>

#include <csignal>
#include <cstdint>

#include "program/crash_system.hpp"

#ifndef STATUS_HEAP_CORRUPTION
#define STATUS_HEAP_CORRUPTION (static_cast<DWORD>(0xC0000374))
#endif

namespace portico::crash {

namespace {

HANDLE bell = nullptr;

std::string_view meaning_of(DWORD code) noexcept {
    switch (code) {
        case EXCEPTION_ACCESS_VIOLATION: return "invalid memory access";
        case EXCEPTION_IN_PAGE_ERROR: return "access to memory that is not there";
        case EXCEPTION_STACK_OVERFLOW: return "stack overflow";
        case EXCEPTION_INT_DIVIDE_BY_ZERO: return "division by zero";
        case EXCEPTION_INT_OVERFLOW: return "arithmetic error";
        case EXCEPTION_ILLEGAL_INSTRUCTION: return "illegal instruction";
        case EXCEPTION_PRIV_INSTRUCTION: return "privileged instruction";
        case EXCEPTION_BREAKPOINT: return "breakpoint";
        case STATUS_HEAP_CORRUPTION: return "broken heap";
        case 0xE06D7363:                                   // of Microsoft's compiler
        case 0x20474343: return "uncaught C++ exception";  // of GCC
        default: return "exception";
    }
}

void add_cause(base::FixedText& text, const EXCEPTION_RECORD& record) noexcept {
    text.add("exception 0x").add_hexadecimal(record.ExceptionCode).add(", ");
    text.add(meaning_of(record.ExceptionCode));
    const bool has_address = (record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION ||
                              record.ExceptionCode == EXCEPTION_IN_PAGE_ERROR) &&
                             record.NumberParameters >= 2;
    text.add(" at address 0x")
        .add_hexadecimal(has_address ? record.ExceptionInformation[1]
                                     : reinterpret_cast<std::uintptr_t>(record.ExceptionAddress));
}

void report_once(std::string_view cause, const CONTEXT* context) noexcept {
    if (begin_report()) {
        report(cause, context);
    } else if (!is_reporting()) {
        wait_for_report();
    }
}

void report_exception(const EXCEPTION_POINTERS& pointers) noexcept {
    char memory[256];
    base::FixedText cause(memory);
    add_cause(cause, *pointers.ExceptionRecord);
    report_once(cause.text(), pointers.ContextRecord);
}

LONG WINAPI take_unhandled(EXCEPTION_POINTERS* pointers) {
    report_exception(*pointers);
    return EXCEPTION_CONTINUE_SEARCH;
}

LONG CALLBACK take_broken_heap(EXCEPTION_POINTERS* pointers) {
    if (pointers->ExceptionRecord->ExceptionCode == static_cast<DWORD>(STATUS_HEAP_CORRUPTION)) {
        report_exception(*pointers);
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

// It returns, and abort() goes on.
extern "C" void take_abort(int) {
    CONTEXT context{};
    ::RtlCaptureContext(&context);
    char memory[1'536];
    base::FixedText cause(memory);
    const std::string_view exception = uncaught_exception();
    cause.add("abort, ").add(exception.empty() ? "called by the process itself" : exception);
    report_once(cause.text(), &context);
}

void write_all(HANDLE file, std::string_view text) noexcept {
    DWORD written = 0;
    ::WriteFile(file, text.data(), static_cast<DWORD>(text.size()), &written, nullptr);
}

}  // namespace

void install() noexcept {
    bell = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
    ::SetUnhandledExceptionFilter(take_unhandled);
    ::AddVectoredExceptionHandler(0, take_broken_heap);
    std::signal(SIGABRT, take_abort);
}

void walk_safely(const void* context, base::Stack& stack) noexcept {
    base::walk_stack(context, stack);  // it keeps to the stack's bounds
}

void write_to_standard_error(std::string_view text) noexcept {
    write_all(::GetStdHandle(STD_ERROR_HANDLE), text);
}

void append_to_file(const char* file, std::string_view text) noexcept {
    wchar_t name[4'096];
    if (::MultiByteToWideChar(CP_UTF8, 0, file, -1, name, 4'096) == 0) {
        return;
    }
    const HANDLE opened = ::CreateFileW(name, FILE_APPEND_DATA,
                                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                        nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (opened != INVALID_HANDLE_VALUE) {
        write_all(opened, text);
        ::CloseHandle(opened);
    }
}

void sleep_a_moment() noexcept {
    ::Sleep(1);
}

void ring() noexcept {
    ::SetEvent(bell);
}

void wait() noexcept {
    ::WaitForSingleObject(bell, INFINITE);
}

}  // namespace portico::crash
