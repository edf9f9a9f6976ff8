// The services of the system that main() needs: a process in good order, arguments as UTF-8, and
// the operator's requests.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace portico {

// Call it before anything is opened or printed.
// - Linux: a standard stream that is closed is opened on /dev/null. Otherwise a socket or a port
//   would get its number, and the log would write into it. A closed pipe and a limit on the size of
//   files are errors of a write.
// - Windows: sets the console to UTF-8 until the program ends. Libraries are not searched for in
//   the current folder.
void prepare_process() noexcept;

// True if the program was started with its standard output closed, so that nothing that it prints
// arrives.
[[nodiscard]] bool lacks_standard_output() noexcept;

// Restores the console's settings. The ordinary end of the program does it by itself.
void restore_console() noexcept;

// The command line as UTF-8, the program's name included.
[[nodiscard]] std::vector<std::string> utf8_arguments(int argc, char** argv);

enum class Request {
    stop,  // Ctrl-C, SIGTERM, SIGINT, SIGHUP, Ctrl-Break
    // the console is being closed, or the user logs off; about 3 s remain
    stop_hurried,
    reopen_log,  // SIGUSR1
};

// Calls `action` for each request, on a thread of its own. A second request to stop ends the
// process at once, with exit code 130: a second Ctrl-C (SIGINT), or a second SIGTERM more than a
// second after the first. SIGHUP never does that, and SIGUSR2 does nothing. A signal that was
// ignored when the program started stays ignored. A process has one of these, made before any other
// thread, so that threads inherit that no signal is blocked.
class Requests {
public:
    explicit Requests(std::function<void(Request)> action);
    // After this a request does nothing, because the program is about to end.
    ~Requests();
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
};

}  // namespace portico
