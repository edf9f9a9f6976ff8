// Crash reports: what crash_report.cpp, which composes and delivers them, and the system's file
// (crash_report_posix.cpp, crash_report_windows.cpp) need of each other. Threads that have crashed
// call all of it but install() and wait(), so it takes no memory and no lock.
#pragma once

#include <string_view>

#include "base/thread_stack.hpp"

namespace portico::crash {

// ---- in crash_report.cpp

// True for the first thread that crashes. False for others, and for that one if the report itself
// faults.
[[nodiscard]] bool begin_report() noexcept;
// True if the calling thread is the one that reports.
[[nodiscard]] bool is_reporting() noexcept;
// Composes and delivers the report. `cause`: "SIGSEGV (11), invalid memory access at address 0x0";
// `context`: see base::walk_stack(). Takes at most a few seconds.
void report(std::string_view cause, const void* context) noexcept;
// Another thread reports: waits until the process ends, or for as long as a report may take.
void wait_for_report() noexcept;
// If the calling thread ends the process because of an exception, its description; else empty.
[[nodiscard]] std::string_view uncaught_exception() noexcept;

// ---- in the system's file

void install() noexcept;
// base::walk_stack(), and returns even if the walk faults.
void walk_safely(const void* context, base::Stack& stack) noexcept;
void write_to_standard_error(std::string_view text) noexcept;
// `file`: UTF-8.
void append_to_file(const char* file, std::string_view text) noexcept;
void sleep_a_moment() noexcept;  // a millisecond; on Windows up to 16
// ring() lets one wait() return, now or later.
void ring() noexcept;
void wait() noexcept;

}  // namespace portico::crash
