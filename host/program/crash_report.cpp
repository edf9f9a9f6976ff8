// Composes and delivers crash reports. See crash_system.hpp for the part that differs by system.
#include "program/crash_report.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <typeinfo>

#include "base/clock.hpp"
#include "base/thread_name.hpp"
#include "base/thread_stack.hpp"
#include "base/type_name.hpp"
#include "program/crash_system.hpp"

namespace portico {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool installs_handlers = false;
#else
constexpr bool installs_handlers = true;
#endif

// How long a report waits for the log, twice at most.
constexpr std::uint32_t log_patience_ms = 1'000;
constexpr std::uint64_t log_patience_ns = log_patience_ms * base::nanoseconds_per_millisecond;

enum class Step : std::uint32_t { none, idle, asked, written, failed };

// One for each process, as the handlers are. The first thread that crashes has it, and the log's
// thread from `asked` to `written` or `failed` (release and acquire, both ways).
struct Report {
    std::atomic<std::uint32_t> thread{0};  // that crashed; 0: none. Relaxed: only its number counts
    RunningCall call;
    std::string_view lines;                   // to be written now
    std::atomic<Step> step{Step::none};       // none: there is no log
    std::array<char, 4'096> log_file_name{};  // empty: there is no file

    std::array<char, 2'048> head{};
    std::array<char, 16'384> frames{};
    base::Stack stack;

    std::atomic<std::uint32_t> thread_of_exception{0};  // relaxed; read on that thread alone
    std::array<char, 1'024> exception{};
    std::size_t exception_size = 0;
};
Report the_report;

// ---- what a report says

void add_call(base::FixedText& text, const RunningCall& call) {
    if (call.callback == nullptr) {
        text.add(", in no function of a plugin");
        return;
    }
    text.add(", in plugin \"").add(call.plugin).add("\", listener \"").add(call.listener);
    text.add("\": ").add(call.callback);
    if (call.connection != 0) {
        text.add(" of connection ").add_hexadecimal(call.connection);
    }
}

std::string_view head_of(std::string_view cause) {
    base::FixedText text(the_report.head);
    text.add("crash: ").add(cause);
    add_call(text, the_report.call);
    return text.text();
}

std::string_view frames_of(const base::Stack& stack) {
    base::FixedText text(the_report.frames);
    for (std::size_t i = 0; i < stack.count; ++i) {
        text.add(i == 0 ? "#" : "\n#").add_decimal(i).add(" ");
        base::add_place(text, stack.frames[i]);
    }
    return text.text();
}

// ---- the ways that it takes

template <class Take>
void for_each_line(std::string_view lines, Take&& take) {
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        take(lines.substr(0, end));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
}

// False: nobody did it in time.
bool write_into_log(std::string_view lines) noexcept {
    if (the_report.step.load(std::memory_order_acquire) != Step::idle) {
        return false;
    }
    Step expected = Step::idle;
    the_report.lines = lines;
    if (!the_report.step.compare_exchange_strong(expected, Step::asked,
                                                 std::memory_order_acq_rel)) {
        return false;
    }
    crash::ring();
    const std::uint64_t until_ns = base::now_ns() + log_patience_ns;
    do {
        const Step now = the_report.step.load(std::memory_order_acquire);
        if (now == Step::written || now == Step::failed) {
            the_report.step.store(Step::idle, std::memory_order_relaxed);
            return now == Step::written;
        }
        crash::sleep_a_moment();
    } while (base::now_ns() < until_ns);
    return false;  // and nobody asks again
}

void write_directly(std::string_view lines) noexcept {
    const auto write = [](std::string_view text) {
        crash::write_to_standard_error(text);
        if (the_report.log_file_name.front() != '\0') {
            crash::append_to_file(the_report.log_file_name.data(), text);
        }
    };
    for_each_line(lines, [&](std::string_view line) {
        write("host: ");
        write(line);
        write("\n");
    });
}

void deliver(std::string_view lines) noexcept {
    if (!write_into_log(lines)) {
        write_directly(lines);
    }
}

// ---- exceptions that nobody catches

void note_text(const std::string& text) noexcept {
    base::FixedText noted(the_report.exception);
    the_report.exception_size = noted.add(text).text().size();
}

[[noreturn]] void end_by_exception() noexcept {
    std::uint32_t expected = 0;
    if (the_report.thread_of_exception.compare_exchange_strong(expected, base::this_thread_id(),
                                                               std::memory_order_relaxed)) {
        try {
            if (const std::exception_ptr thrown = std::current_exception()) {
                std::rethrow_exception(thrown);
            }
        } catch (const std::exception& error) {
            note_text("uncaught exception " + base::type_name(typeid(error)) + ": " + error.what());
        } catch (...) {
            note_text("uncaught exception that is no std::exception");
        }
    }
    std::abort();
}

}  // namespace

namespace crash {

bool begin_report() noexcept {
    std::uint32_t expected = 0;
    return the_report.thread.compare_exchange_strong(expected, base::this_thread_id(),
                                                     std::memory_order_relaxed);
}

bool is_reporting() noexcept {
    return the_report.thread.load(std::memory_order_relaxed) == base::this_thread_id();
}

void report(std::string_view cause, const void* context) noexcept {
    static_cast<void>(Server::find_running_call(the_report.call));
    // The head first: a walk through a broken stack may not end well.
    deliver(head_of(cause));
    walk_safely(context, the_report.stack);
    deliver(frames_of(the_report.stack));
}

void wait_for_report() noexcept {
    const std::uint64_t until_ns = base::now_ns() + 4 * log_patience_ns;
    do {
        sleep_a_moment();
    } while (base::now_ns() < until_ns);
}

std::string_view uncaught_exception() noexcept {
    return the_report.thread_of_exception.load(std::memory_order_relaxed) == base::this_thread_id()
               ? std::string_view(the_report.exception.data(), the_report.exception_size)
               : std::string_view();
}

}  // namespace crash

CrashReports::CrashReports() noexcept {
    if constexpr (installs_handlers) {
        std::set_terminate(end_by_exception);
        crash::install();
    }
}

CrashLog::CrashLog(Server& server) {
    base::FixedText(the_report.log_file_name).add(server.log_file()).add(std::string_view("\0", 1));
    the_report.log_file_name.back() = '\0';
    try {
        thread_ = std::thread([this, &server] { serve(server); });
        the_report.step.store(Step::idle, std::memory_order_release);
    } catch (const std::system_error&) {
        // Reports are written directly.
    }
}

CrashLog::~CrashLog() {
    the_report.step.store(Step::none, std::memory_order_relaxed);
    the_report.log_file_name.front() = '\0';
    if (thread_.joinable()) {
        is_ending_.store(true, std::memory_order_relaxed);
        crash::ring();
        thread_.join();
    }
}

void CrashLog::serve(Server& server) noexcept {
    base::name_this_thread("portico-crash");
    for (;;) {
        crash::wait();
        if (is_ending_.load(std::memory_order_relaxed)) {
            return;
        }
        const RunningCall& call = the_report.call;
        bool is_written = the_report.step.load(std::memory_order_acquire) == Step::asked;
        for_each_line(the_report.lines, [&](std::string_view line) {
            is_written = is_written &&
                         server.write_log(LogLine::Level::error,
                                          call.listener != nullptr ? call.listener : "",
                                          call.connection, line);
        });
        // A log that does not take the lines (its level is off) may still have access lines.
        is_written = server.flush_log(log_patience_ms / 2) && is_written;
        the_report.step.store(is_written ? Step::written : Step::failed, std::memory_order_release);
    }
}

}  // namespace portico
