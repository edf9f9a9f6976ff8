// Turns signals into requests. A handler notes the number, and a semaphore wakes the thread that
// carries the request out. A handler may do both, whatever the interrupted thread was doing. No
// thread blocks a signal, because a program that a plugin starts would inherit the block, and the
// signal could not end it.
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>

#include "base/thread_name.hpp"
#include "program/console.hpp"

namespace portico {

namespace {

constexpr std::array noted_signals{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
constexpr std::uint64_t impatient_after_ns = 1'000'000'000;

// One for each process, like signals.
struct Watch {
    sem_t notes{};                                // posted for each signal, and once for the end
    std::atomic<pid_t> process{0};                // the process that this belongs to
    std::atomic<std::uint32_t> noted{0};          // bits of signals
    std::atomic<std::uint64_t> first_term_ns{0};  // when the first SIGTERM came; 0: none yet
    std::atomic<bool> interrupted{false};         // SIGINT has come
    std::atomic<bool> ending{false};
    std::thread thread;
};
Watch watch;
bool output_was_closed = false;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<pid_t>::is_always_lock_free);

constexpr std::uint32_t bit(int signal_number) noexcept {
    return 1U << signal_number;
}

std::uint64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// A closing terminal sends SIGHUP twice, and a supervisor may send SIGTERM again at once. Only
// somebody who has waited, or who presses Ctrl-C again, wants to end without an orderly stop.
bool is_impatient(int number) noexcept {
    if (number == SIGINT) {
        return watch.interrupted.exchange(true);
    }
    if (number != SIGTERM) {
        return false;
    }
    std::uint64_t first = 0;
    const std::uint64_t now = monotonic_ns();
    return !watch.first_term_ns.compare_exchange_strong(first, now) &&
           now - first > impatient_after_ns;
}

extern "C" void note_signal(int number) {
    const int error = errno;
    if (::getpid() != watch.process.load(std::memory_order_relaxed)) {
        // This is a child that a plugin has forked and that has not called exec yet: the signal is
        // for the child.
        ::signal(number, SIG_DFL);
        ::raise(number);
    } else if (is_impatient(number)) {
        ::_exit(130);
    } else {
        watch.noted.fetch_or(bit(number));
        ::sem_post(&watch.notes);
    }
    errno = error;
}

extern "C" void do_nothing(int) {}

bool is_ignored(int number) noexcept {
    struct sigaction now {};
    return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Installs the handler unless the signal is ignored: then the user has started the program that way
// (nohup, a shell's "&"). System calls go on after the handler, because a plugin does not expect to
// be interrupted. Its threads may have stacks that are too small for a handler (Go has), so the
// handler runs on the alternate one.
void handle(int number, void (*handler)(int)) noexcept {
    if (is_ignored(number)) {
        return;
    }
    struct sigaction wanted {};
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigfillset(&wanted.sa_mask);
    ::sigaction(number, &wanted, nullptr);
}

void carry_out(const std::function<void(Request)>& action) {
    base::name_this_thread("portico-signals");
    for (;;) {
        while (::sem_wait(&watch.notes) != 0) {
        }
        if (watch.ending) {
            return;
        }
        const std::uint32_t noted = watch.noted.exchange(0);
        if ((noted & bit(SIGUSR1)) != 0) {
            action(Request::reopen_log);
        }
        if ((noted & (bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP))) != 0) {
            action(Request::stop);
        }
    }
}

}  // namespace

void prepare_process() noexcept {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) < 0) {
            output_was_closed = output_was_closed || number == STDOUT_FILENO;
            // open() takes the lowest free number, which is this one.
            [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
        }
    }
    // A write into a closed pipe becomes an error. A handler does that and is gone after exec. A
    // program that a plugin starts would inherit an ignored signal.
    handle(SIGPIPE, do_nothing);
    handle(SIGXFSZ, do_nothing);  // likewise a write beyond the limit on a file's size
}

bool lacks_standard_output() noexcept {
    return output_was_closed;
}

void restore_console() noexcept {}

std::vector<std::string> utf8_arguments(int argc, char** argv) {
    return {argv, argv + argc};
}

Requests::Requests(std::function<void(Request)> action) {
    watch.process = ::getpid();
    watch.noted = 0;
    watch.first_term_ns = 0;
    watch.interrupted = false;
    watch.ending = false;
    ::sem_init(&watch.notes, 0, 0);
    try {
        watch.thread = std::thread([action = std::move(action)] { carry_out(action); });
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), "cannot start the thread that waits for signals");
    }
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : noted_signals) {
        handle(number, note_signal);
        ::sigaddset(&signals, number);
    }
    handle(SIGUSR2, do_nothing);  // its default ends the process
    // The program may have inherited a mask that blocks them.
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

Requests::~Requests() {
    watch.ending = true;
    ::sem_post(&watch.notes);
    watch.thread.join();
}

}  // namespace portico
