// What ended the process: the signal or exception, the plugin's function that the thread was in,
// and its stack. It goes to standard error and log.file, behind the lines that waited there. Then
// the process ends as it would have without the report, with a core dump or an error report of
// Windows.
#pragma once

#include <atomic>
#include <thread>

#include "base/fault_stack.hpp"
#include "portico/server.hpp"

namespace portico {

// Installs the handlers, for the process; they stay. A process has one of these, made by main()'s
// thread before any other one. With a sanitizer nothing is installed, because that has handlers of
// its own.
class CrashReports {
public:
    CrashReports() noexcept;
    ~CrashReports() = default;
    CrashReports(const CrashReports&) = delete;
    CrashReports& operator=(const CrashReports&) = delete;

private:
    base::FaultStack fault_stack_;  // of main()'s thread
};

// As long as it exists, reports go into the log of a server that is configured. Without one, or if
// the log cannot be written within a second, a report is written straight to standard error and
// the file.
//
// A thread that crashed may have any lock of the process. So a thread of this object's own writes
// into the log, and the one that crashed waits for it with a deadline.
class CrashLog {
public:
    explicit CrashLog(Server& server);
    ~CrashLog();
    CrashLog(const CrashLog&) = delete;
    CrashLog& operator=(const CrashLog&) = delete;

private:
    void serve(Server& server) noexcept;

    std::atomic<bool> is_ending_{false};
    std::thread thread_;
};

}  // namespace portico
