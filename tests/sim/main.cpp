// The simulation's program: runs seeds, each a world of its own, on all processors that it may use.
//
//     sim --seeds N [--first F] [--jobs J]   N seeds from F (1) on, in J processes (one for each
//                                            processor)
//     sim --seed S                           one seed, in this process: for a debugger
//     sim ... --digest                       also prints the hash of each seed's trace: two runs of
//                                            a seed have the same
//     sim --regressions FILE                 the named seeds of a file
//
// A seed that fails prints its trace and ends its process. The others end too, and the program
// exits with 1.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "sim/world/world.hpp"

namespace {

using portico::sim::Scheduler;
using portico::sim::World;

struct Options {
    std::uint64_t first = 1;
    std::uint64_t seeds = 0;
    std::uint64_t seed = 0;
    unsigned jobs = 0;
    bool has_seed = false;
    bool says_digest = false;
    bool says_progress = true;
    std::string regressions;
    std::string commit = "unknown";
};

// Memory that the processes of a run share.
struct Shared {
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> events{0};
    std::atomic<std::uint64_t> steps{0};
    std::atomic<std::uint64_t> switches{0};
    std::atomic<std::uint64_t> connections{0};
};

// Memory for `count` objects that the processes share; it stays until the program ends.
template <class T>
T* shared_memory(std::size_t count) {
    void* memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("mmap");
        std::exit(1);
    }
    auto* objects = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(objects, count);
    return objects;
}

// In real time: a run that no longer reaches a switch point fails too. Sanitizers and a busy
// machine make it slow, but not that slow.
constexpr unsigned run_seconds_max = 240;

World::Outcome run_seed(std::uint64_t seed, const Options& options) {
    const std::string text = std::to_string(seed);
    ::alarm(run_seconds_max);
    World world(seed, "seed " + text + " of commit " + options.commit +
                          "; again with: ./dev sim --seed " + text);
    return world.run();
}

void work(unsigned job, const std::vector<std::uint64_t>& seeds, const Options& options,
          Shared& shared, std::uint64_t* digests) {
    Scheduler::bind_to_processor(job);
    Scheduler::print_trace_on_death();
    for (;;) {
        const std::uint64_t index = shared.next.fetch_add(1, std::memory_order_relaxed);
        if (index >= seeds.size()) {
            return;
        }
        const World::Outcome outcome = run_seed(seeds[static_cast<std::size_t>(index)], options);
        digests[index] = outcome.digest;
        shared.events.fetch_add(outcome.events, std::memory_order_relaxed);
        shared.steps.fetch_add(outcome.steps, std::memory_order_relaxed);
        shared.switches.fetch_add(outcome.switches, std::memory_order_relaxed);
        shared.connections.fetch_add(outcome.connections, std::memory_order_relaxed);
        shared.done.fetch_add(1, std::memory_order_relaxed);
    }
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// True if all of them are clean.
bool run_all(const std::vector<std::uint64_t>& seeds, const Options& options) {
    auto& shared = *shared_memory<Shared>(1);
    auto* digests = shared_memory<std::uint64_t>(seeds.size());
    const auto begin = std::chrono::steady_clock::now();
    std::vector<pid_t> children;
    std::fflush(nullptr);
    for (unsigned job = 0; job < options.jobs; ++job) {
        const pid_t child = ::fork();
        if (child == 0) {
            work(job, seeds, options, shared, digests);
            std::exit(0);  // runs the exit handlers, so that a coverage build writes its counts
        }
        if (child > 0) {
            children.push_back(child);
        }
    }
    bool is_clean = !children.empty();
    auto last_said = begin;
    while (!children.empty()) {
        int status = 0;
        const pid_t ended = ::waitpid(-1, &status, WNOHANG);
        if (ended > 0) {
            children.erase(std::remove(children.begin(), children.end(), ended), children.end());
            if (status != 0) {
                is_clean = false;
                for (const pid_t other : children) {
                    ::kill(other, SIGKILL);
                }
            }
            continue;
        }
        ::usleep(20'000);
        if (options.says_progress && seconds_since(last_said) > 10) {
            last_said = std::chrono::steady_clock::now();
            std::printf("%8.0f s  %llu of %zu seeds\n", seconds_since(begin),
                        static_cast<unsigned long long>(shared.done.load()), seeds.size());
            std::fflush(stdout);
        }
    }
    const std::uint64_t done = std::max<std::uint64_t>(shared.done.load(), 1);
    std::printf(
        "%llu seeds %s: a seed has %llu events, %llu connections, %llu steps and %llu hand-overs "
        "on average; %.1f s in all\n",
        static_cast<unsigned long long>(shared.done.load()),
        is_clean ? "without a violation" : "before the failure",
        static_cast<unsigned long long>(shared.events.load() / done),
        static_cast<unsigned long long>(shared.connections.load() / done),
        static_cast<unsigned long long>(shared.steps.load() / done),
        static_cast<unsigned long long>(shared.switches.load() / done), seconds_since(begin));
    for (std::size_t i = 0; i < seeds.size() && options.says_digest && is_clean; ++i) {
        std::printf("seed %llu: %016llx\n", static_cast<unsigned long long>(seeds[i]),
                    static_cast<unsigned long long>(digests[i]));
    }
    return is_clean;
}

// Each line has a seed and then a name. A # begins a comment.
std::vector<std::uint64_t> read_regressions(const std::string& file) {
    std::vector<std::uint64_t> seeds;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        if (std::uint64_t seed = 0; words >> seed) {
            seeds.push_back(seed);
        }
    }
    return seeds;
}

bool parse(int count, char** arguments, Options& options) {
    for (int i = 1; i < count; ++i) {
        const std::string name = arguments[i];
        if (name == "--digest") {
            options.says_digest = true;
            continue;
        }
        if (name == "--quiet") {
            options.says_progress = false;
            continue;
        }
        if (i + 1 == count) {
            return false;
        }
        const char* value = arguments[++i];
        if (name == "--seeds") {
            options.seeds = std::strtoull(value, nullptr, 10);
        } else if (name == "--first") {
            options.first = std::strtoull(value, nullptr, 10);
        } else if (name == "--seed") {
            options.seed = std::strtoull(value, nullptr, 10);
            options.has_seed = true;
        } else if (name == "--jobs") {
            options.jobs = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
        } else if (name == "--regressions") {
            options.regressions = value;
        } else if (name == "--commit") {
            options.commit = value;
        } else {
            return false;
        }
    }
    if (options.jobs == 0) {
        options.jobs = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    }
    return options.has_seed || options.seeds != 0 || !options.regressions.empty();
}

}  // namespace

int main(int count, char** arguments) {
    Options options;
    if (!parse(count, arguments, options)) {
        std::fprintf(stderr,
                     "sim --seeds N [--first F] [--jobs J] | --seed S | --regressions FILE;  "
                     "--digest --quiet --commit TEXT\n");
        return 2;
    }
    if (options.has_seed) {
        Scheduler::bind_to_processor(0);
        Scheduler::print_trace_on_death();
        const World::Outcome outcome = run_seed(options.seed, options);
        std::printf(
            "seed %llu is clean: %llu events, %llu connections, %llu steps, %llu hand-overs\n",
            static_cast<unsigned long long>(options.seed),
            static_cast<unsigned long long>(outcome.events),
            static_cast<unsigned long long>(outcome.connections),
            static_cast<unsigned long long>(outcome.steps),
            static_cast<unsigned long long>(outcome.switches));
        if (options.says_digest) {
            std::printf("seed %llu: %016llx\n", static_cast<unsigned long long>(options.seed),
                        static_cast<unsigned long long>(outcome.digest));
        }
        return 0;
    }
    std::vector<std::uint64_t> seeds;
    if (!options.regressions.empty()) {
        seeds = read_regressions(options.regressions);
        if (seeds.empty()) {
            std::fprintf(stderr, "%s names no seed\n", options.regressions.c_str());
            return 2;
        }
    }
    for (std::uint64_t i = 0; i < options.seeds; ++i) {
        seeds.push_back(options.first + i);
    }
    return run_all(seeds, options) ? 0 : 1;
}
