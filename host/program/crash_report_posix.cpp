// Crash reports by signals. The handlers run on the alternate stacks of base::FaultStack. A walk
// through a broken stack faults again; then the handler jumps out of it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iterator>

#include "portico/server.hpp"
#include "program/crash_system.hpp"

namespace portico::crash {

namespace {

struct Known {
    int number;
    std::string_view name;
    std::string_view meaning;
};
constexpr Known known_signals[] = {
    {SIGSEGV, "SIGSEGV", "invalid memory access"},
    {SIGBUS, "SIGBUS", "access to memory that is not there"},
    {SIGFPE, "SIGFPE", "arithmetic error"},
    {SIGILL, "SIGILL", "illegal instruction"},
    {SIGABRT, "SIGABRT", "abort"},
    {SIGTRAP, "SIGTRAP", "trap"},
    {SIGSYS, "SIGSYS", "forbidden system call"},
};

// One for each process, as the signals' handlers are.
struct Handling {
    std::atomic<pid_t> process{0};
    sem_t bell{};
    // The thread that reports walks its stack; only it uses this and the next.
    volatile sig_atomic_t is_walking = 0;
    sigjmp_buf end_of_walk{};
};
Handling handling;

bool is_division_by_zero(const siginfo_t& info) noexcept {
    return info.si_signo == SIGFPE && info.si_code == FPE_INTDIV;
}

bool is_stack_overflow(const siginfo_t& info, const void* context) noexcept {
    // A function with large variables touches memory a little below the stack's pointer.
    constexpr std::uintptr_t below = 65'536;
    constexpr std::uintptr_t above = 4'096;
    const std::uintptr_t stack = base::stack_pointer_of(context);
    const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
    return info.si_signo == SIGSEGV && address < stack + above && address + below > stack;
}

void add_cause(base::FixedText& text, const Known& known, const siginfo_t& info,
               const void* context) noexcept {
    text.add(known.name).add(" (").add_decimal(static_cast<std::uint64_t>(known.number)).add("), ");
    if (const std::string_view exception = uncaught_exception();
        known.number == SIGABRT && !exception.empty()) {
        text.add(exception);
        return;
    }
    if (info.si_code <= 0) {
        text.add(known.meaning);
        if (info.si_pid != ::getpid()) {
            text.add(", sent by process ").add_decimal(static_cast<std::uint64_t>(info.si_pid));
        }
        return;
    }
    text.add(is_division_by_zero(info)          ? "division by zero"
             : is_stack_overflow(info, context) ? "stack overflow"
                                                : known.meaning);
    if (info.si_code != SI_KERNEL) {
        text.add(" at address 0x").add_hexadecimal(reinterpret_cast<std::uintptr_t>(info.si_addr));
    } else if (known.number == SIGSEGV) {
        text.add(" at an address that cannot be one");  // it is not told
    }
}

void report_signal(const siginfo_t& info, const void* context) noexcept {
    char memory[1'536];
    base::FixedText cause(memory);
    for (const Known& known : known_signals) {
        if (known.number == info.si_signo) {
            add_cause(cause, known, info, context);
        }
    }
    report(cause.text(), context);
}

// True: the instruction faults again after the handler has returned, with all registers as they
// were. A signal that somebody sent does not come by itself, and after a trap or a system call the
// thread would go on.
bool comes_again(const siginfo_t& info) noexcept {
    switch (info.si_signo) {
        case SIGSEGV:
        case SIGFPE:
        case SIGILL: return info.si_code > 0;
        case SIGBUS: return info.si_code > 0 && info.si_code != BUS_MCEERR_AO;
        default: return false;
    }
}

void end_by_default(int number, const siginfo_t& info) noexcept {
    ::signal(number, SIG_DFL);
    if (!comes_again(info)) {
        ::raise(number);
    }
}

extern "C" void take_fault(int number, siginfo_t* info, void* context) {
    if (is_reporting() && handling.is_walking != 0) {
        ::siglongjmp(handling.end_of_walk, 1);
    }
    base::end_broken_walk();
    const int error = errno;
    if (::getpid() != handling.process.load(std::memory_order_relaxed)) {
        // A child that a plugin has forked and that has not called exec yet.
    } else if (begin_report()) {
        report_signal(*info, context);
    } else if (!is_reporting()) {
        wait_for_report();
    }
    errno = error;
    end_by_default(number, *info);
}

void write_all(int descriptor, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

void install() noexcept {
    handling.process.store(::getpid(), std::memory_order_relaxed);
    ::sem_init(&handling.bell, 0, 0);
    struct sigaction wanted {};
    wanted.sa_sigaction = take_fault;
    // SA_NODEFER: a fault of the handler comes to the handler.
    wanted.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&wanted.sa_mask);
    for (const Known& known : known_signals) {
        ::sigaction(known.number, &wanted, nullptr);
    }
    // For the watchdog. It is ignored by default, so nothing happens if a plugin takes the handler
    // away.
    Server::use_stack_signal(SIGURG);
}

void walk_safely(const void* context, base::Stack& stack) noexcept {
    if (::sigsetjmp(handling.end_of_walk, 0) == 0) {
        handling.is_walking = 1;
        base::walk_stack(context, stack);
    }
    handling.is_walking = 0;
}

void write_to_standard_error(std::string_view text) noexcept {
    write_all(STDERR_FILENO, text);
}

void append_to_file(const char* file, std::string_view text) noexcept {
    const int descriptor = ::open(file, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor >= 0) {
        write_all(descriptor, text);
        ::close(descriptor);
    }
}

void sleep_a_moment() noexcept {
    ::poll(nullptr, 0, 1);
}

void ring() noexcept {
    ::sem_post(&handling.bell);
}

void wait() noexcept {
    while (::sem_wait(&handling.bell) != 0) {
    }
}

}  // namespace portico::crash
