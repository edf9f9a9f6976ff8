// The program itself while each allocation, and each start of a thread, of its main thread fails in
// turn: it ends with one line and an exit code that says so. main() is the real one, under another
// name, in a process of its own each time.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "integration/service.hpp"
#include "torture/scenario.hpp"

int host_main(int argc, char** argv);

using namespace portico;
using namespace portico::test;

namespace {

// A configuration of its own for each test, gone with it.
class File {
public:
    explicit File(const char* name) : name_(Server::program_directory() + "/" + name) {
        std::ofstream(name_) << configuration_of(
            "{\"ports\": \"per_core\", \"threads\": 1}", {{"echo", "echo", ""}, {"ack", "ack", ""}},
            "\"plugin_directory\": \"" + test_plugin_directory() +
                "\", \"log\": {\"level\": \"info\"}");
    }
    ~File() { std::filesystem::remove(name_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }

private:
    std::string name_;
};

// A request to stop that waits for whoever asks for signals, and harms nobody else.
void request_stop() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::kill(::getpid(), SIGTERM);  // blocked, so it stays pending
}

// Runs the program in a process of its own, as ever. Whether a call failed.
bool runs(std::uint64_t n, std::vector<std::string> arguments, bool serves) {
    constexpr int no_call_failed = 64;  // added to the exit code
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
        pointers.push_back(argument.data());
    }
    int status = 0;
    std::string text;
    {
        const CaughtErrors lines;
        const pid_t child = ::fork();
        if (child == 0) {
            if (serves) {
                request_stop();
            }
            FailingCalls failing(0, n, Failing::once);
            const int code = host_main(static_cast<int>(pointers.size()), pointers.data());
            failing.stop();
            std::fflush(stdout);
            ::_exit(code + (failing.has_failed() ? 0 : no_call_failed));
        }
        REQUIRE(child > 0);
        REQUIRE(::waitpid(child, &status, 0) == child);
        text = lines.text();
    }
    INFO(text);
    REQUIRE(WIFEXITED(status));
    const bool has_failed = WEXITSTATUS(status) < no_call_failed;
    const int code = WEXITSTATUS(status) % no_call_failed;
    if (code == 0) {
        CHECK(count_of(text, "host: ") == 0);
    } else {
        CHECK((code == 1 || code == 2));
        CHECK(has_failed);
        CHECK(count_of(text, "host: ") == 1);
        CHECK(is_about_memory(lines_of(text).back()));
    }
    return has_failed;
}

}  // namespace

TEST_CASE("host check without memory ends with one line", "[program]") {
    const File file("torture_check.json");
    CHECK(torture([&](std::uint64_t n) {
              return runs(n, {"host", "check", file.name()}, false);
          }) > 200);
}

TEST_CASE("host without memory serves or ends with one line", "[program]") {
    const File file("torture_serve.json");
    CHECK(torture([&](std::uint64_t n) {
              return runs(n, {"host", "--config", file.name()}, true);
          }) > 200);
}
