// What main() needs of the system: a process in good order, arguments as UTF-8, and being told what
// the operator wants.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace portico {

// Before anything is opened or printed.
// - Linux: a standard stream that the program was started without leads nowhere from here on; else
// its number
//   would be given to a socket or a port, and lines of the log written there. A closed pipe and a limit on the
//   size of files are errors of a write.
// - Windows: the console is told that text is UTF-8, until the program ends. Libraries are not
// looked for in the
//   current folder.
void prepare_process() noexcept;

// Whether the program was started with its standard output closed: then nothing that is printed
// arrives.
[[nodiscard]] bool lacks_standard_output() noexcept;

// Leaves the console as it was found. The ordinary end of the program does it by itself.
void restore_console() noexcept;

// The command line as UTF-8, the program's name included.
[[nodiscard]] std::vector<std::string> utf8_arguments(int argc, char** argv);

enum class Request {
    stop,  // Ctrl-C, SIGTERM, SIGINT, SIGHUP, Ctrl-Break
    // the console is being closed, or the user logs off: the system allows about 3 s more
    stop_hurried,
    reopen_log,  // SIGUSR1
};

// From its construction on a request calls `action`, on a thread of its own. Who asks again for a
// stop ends the process at once, with exit code 130: by a second Ctrl-C (SIGINT), or by a second
// SIGTERM more than a second after the first. SIGHUP never does, and SIGUSR2 does nothing. A signal
// that was ignored when the program started stays ignored. One in a process, made before any other
// thread: threads inherit that no signal is blocked.
class Requests {
public:
    explicit Requests(std::function<void(Request)> action);
    // After this a request does nothing, since the program is about to end.
    ~Requests();
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
};

}  // namespace portico
