#include "torture/scenario.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "integration/service.hpp"
#include "plugin/instance_handle.hpp"

namespace portico::test {

namespace {

constexpr std::uint64_t never = UINT64_MAX;
// More calls than any scenario makes: a run that answers true for ever is a mistake of the test's.
constexpr std::uint64_t calls_max = 20'000;
#ifdef PORTICO_TORTURE_SAMPLE
// The release suite lets each call fail. ASan, with which this takes minutes, sees every third.
constexpr std::uint64_t step = 3;
#else
constexpr std::uint64_t step = 1;
#endif

std::size_t entries_of(const char* directory) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                                  std::filesystem::directory_iterator()));
}

// Catch2 keeps what belongs to the last assertion: let that be the same one before each count. The
// C library keeps the text of dlopen's last error until it has been asked twice.
Holdings settled_holdings() {
    ::dlerror();
    ::dlerror();
    REQUIRE(true);
    return holdings();
}

}  // namespace

Holdings holdings() {
    Holdings held;
    held.descriptors = entries_of("/proc/self/fd");
    // The handles of ended instances stay for ever, one allocation each.
    held.allocations = live_allocations() -
                       static_cast<std::int64_t>(plugin::InstanceHandle::count());
    return held;
}

std::string to_string(const Holdings& held) {
    return std::to_string(held.allocations) + " allocations, " + std::to_string(held.descriptors) +
           " descriptors";
}

bool has_threads(std::size_t count) {
    return eventually([&] { return entries_of("/proc/self/task") == count; });
}

CaughtErrors::CaughtErrors()
    : caught_(::memfd_create("standard error", MFD_CLOEXEC)), before_(::dup(STDERR_FILENO)) {
    REQUIRE(caught_ >= 0);
    REQUIRE(::dup2(caught_, STDERR_FILENO) == STDERR_FILENO);
}

CaughtErrors::~CaughtErrors() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(caught_);
}

std::string CaughtErrors::text() const {
    std::string all;
    std::array<char, 4'096> part;
    for (ssize_t got = 0;
         (got = ::pread(caught_, part.data(), part.size(), static_cast<off_t>(all.size()))) > 0;) {
        all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + part.size())) {
        ++count;
    }
    return count;
}

bool is_about_memory(std::string_view line) {
    constexpr std::string_view words[] = {
        "out of memory",
        "annot allocate memory",     // ENOMEM in the C library's words
        "emory allocation failure",  // getaddrinfo's
        "thread",                    // one that could not be started
        // dlopen's, which forgets the reason when memory is out for the words as well
        "cannot open shared object file",
        "cannot create shared object descriptor",
    };
    return std::any_of(std::begin(words), std::end(words), [&](std::string_view word) {
        return line.find(word) != std::string_view::npos;
    });
}

std::size_t torture(const std::function<bool(std::uint64_t n)>& scenario) {
    REQUIRE_FALSE(scenario(never));
    for (std::uint64_t n = 1; n < calls_max; n += step) {
        INFO("call " << n << " fails");
        Holdings before = settled_holdings();
        const bool failed = scenario(n);
        Holdings after = settled_holdings();
        if (after.allocations != before.allocations) {
            // What is made once for a process is there when the same is done again; what is lost is
            // lost again.
            before = after;
            static_cast<void>(scenario(n));
            after = settled_holdings();
        }
        REQUIRE(to_string(after) == to_string(before));
        REQUIRE(has_threads(1));
        if (!failed) {
            return n - 1;
        }
    }
    FAIL("the scenario has no end");
    return 0;
}

}  // namespace portico::test
