// Signals, as a request to the thread that carries it out. A handler notes the number, and a
// semaphore wakes that thread: both may be done in a handler, whatever the thread that it
// interrupts was doing. No thread blocks a signal, because what a plugin starts would begin with it
// blocked, and could not be ended by it.
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

// One a process, as signals are.
struct Watch {
    sem_t notes{};                                // posted for each note, and once for the end
    std::atomic<pid_t> process{0};                // whose notes these are
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

// A closing terminal sends SIGHUP twice, and what supervises a service may send SIGTERM again at
// once: only somebody who has waited, or who presses Ctrl-C again, wants the end without its order.
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
        // A child that a plugin has forked and that has not called exec yet: the signal is meant
        // for it.
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

// Unless the signal is ignored: that was the wish of whoever started the program (nohup, a shell's
// "&"). System calls go on after the handler, since a plugin does not expect to be interrupted; its
// threads may have stacks of their own, too small for a handler (Go has).
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
            // The lowest free number is this one.
            [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
        }
    }
    // Who writes into a closed pipe gets an error instead. Not by ignoring the signal: what a
    // plugin starts would inherit that, and it ends at exec where there is a handler.
    handle(SIGPIPE, do_nothing);
    handle(SIGXFSZ, do_nothing);  // likewise who writes beyond the limit on a file's size
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
    handle(SIGUSR2, do_nothing);  // it ends a process that does not know it
    // Whoever started the program may have had them blocked, which is inherited.
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

Requests::~Requests() {
    watch.ending = true;
    ::sem_post(&watch.notes);
    watch.thread.join();
}

}  // namespace portico
