#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <system_error>
#include <thread>

#include "console.hpp"

namespace portico {

namespace {

// One a process, as signals are.
struct Waiter {
    sigset_t signals{};
    std::atomic<bool> ending{false};
    std::thread thread;
};
Waiter waiter;

void wait_for_signals(const std::function<void(StopRequest)>& action) {
    for (int requests = 0;;) {
        int number = 0;
        if (::sigwait(&waiter.signals, &number) != 0) {
            continue;
        }
        if (waiter.ending) {
            return;
        }
        if (++requests > 1) {
            ::_exit(130);
        }
        action(StopRequest::orderly);
    }
}

}  // namespace

void prepare_standard_streams() noexcept {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) < 0) {
            // The lowest free number is this one.
            [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
        }
    }
}

std::vector<std::string> utf8_arguments(int argc, char** argv) {
    return {argv, argv + argc};
}

StopRequests::StopRequests(std::function<void(StopRequest)> action) {
    ::signal(SIGPIPE, SIG_IGN);  // a plugin that prints into a closed pipe gets an error instead
    sigemptyset(&waiter.signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaddset(&waiter.signals, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &waiter.signals, nullptr);
    waiter.ending = false;
    try {
        waiter.thread = std::thread([action = std::move(action)] { wait_for_signals(action); });
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), "cannot start the thread that waits for signals");
    }
}

StopRequests::~StopRequests() {
    waiter.ending = true;
    ::pthread_kill(waiter.thread.native_handle(), SIGTERM);
    waiter.thread.join();
    ::pthread_sigmask(SIG_UNBLOCK, &waiter.signals, nullptr);
}

}  // namespace portico
