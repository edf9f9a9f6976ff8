#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <iostream>

#include "cli/platform.hpp"

namespace portico::client {

namespace {

std::atomic<std::atomic<bool>*> interrupt_flag{nullptr};
static_assert(std::atomic<std::atomic<bool>*>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void on_signal(int) {
    interrupt_flag.load()->store(true);
}

}  // namespace

std::vector<std::string> command_line(int argc, char** argv) {
    return {argv + (argc > 0 ? 1 : 0), argv + argc};
}

bool prepare_console() {
    const bool has_output = ::fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    // If the reader has gone, the write fails and that is reported; the signal would end the
    // program without a word.
    std::signal(SIGPIPE, SIG_IGN);
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) < 0) {
            // open() returns the lowest free number, which is this one.
            [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
        }
    }
    return has_output;
}

bool input_is_terminal() noexcept {
    return ::isatty(STDIN_FILENO) == 1;
}

bool output_is_terminal() noexcept {
    return ::isatty(STDOUT_FILENO) == 1;
}

std::size_t terminal_columns() noexcept {
    for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
        winsize size{};
        if (::ioctl(number, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
            return size.ws_col;
        }
    }
    return 0;
}

bool error_output_is_terminal() noexcept {
    return ::isatty(STDERR_FILENO) == 1;
}

bool read_line(std::string& line) {
    return static_cast<bool>(std::getline(std::cin, line));
}

void set_on_interrupt(std::atomic<bool>& flag) noexcept {
    interrupt_flag.store(&flag);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one has its usual effect
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

std::uint64_t raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return UINT64_MAX;
    }
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit.rlim_cur = before;
    }
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

}  // namespace portico::client
