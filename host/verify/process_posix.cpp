#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "verify/process.hpp"

namespace portico::verify {

namespace {

// The environment, with a C library that keeps no freed bytes aside for a thread: those would
// count as in use.
std::vector<std::string> environment_of(bool counts_memory) {
    constexpr std::string_view name = "GLIBC_TUNABLES=";
    std::vector<std::string> all;
    std::string tunables(name);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::string_view(*entry).starts_with(name)) {
            tunables = *entry;
        } else {
            all.emplace_back(*entry);
        }
    }
    if (counts_memory) {
        tunables += tunables == name ? "" : ":";
        tunables += "glibc.malloc.tcache_count=0";
    }
    if (tunables != name) {
        all.push_back(tunables);
    }
    // What it says of damaged memory goes to standard error, and not to a terminal.
    all.emplace_back("LIBC_FATAL_STDERR_=1");
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

void describe(int status, ProcessEnd& end) {
    if (WIFSIGNALED(status)) {
        end.is_crashed = true;
        end.how = "signal " + std::to_string(WTERMSIG(status)) + " (" +
                  ::strsignal(WTERMSIG(status)) + ")";
    } else {
        end.code = WEXITSTATUS(status);
    }
}

}  // namespace

std::uint64_t process_number() noexcept {
    return static_cast<std::uint64_t>(::getpid());
}

ProcessEnd run_again(const std::vector<std::string>& arguments, const std::string& output_file,
                     std::uint32_t timeout_ms, bool counts_memory) {
    std::vector<std::string> texts = {"/proc/self/exe"};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment = environment_of(counts_memory);
    std::vector<char*> argument_pointers = pointers_to(texts);
    std::vector<char*> environment_pointers = pointers_to(environment);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, output_file.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                                    argument_pointers.data(), environment_pointers.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ProcessEnd end;
    if (error != 0) {
        end.how = std::strerror(error);
        return end;
    }
    end.is_started = true;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended == child) {
            describe(status, end);
            return end;
        }
        if (ended < 0 && errno != EINTR) {
            end.how = std::strerror(errno);
            return end;
        }
        if (!end.is_timed_out && std::chrono::steady_clock::now() >= deadline) {
            end.is_timed_out = true;
            ::kill(child, SIGKILL);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace portico::verify
