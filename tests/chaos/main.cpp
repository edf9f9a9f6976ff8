// Chaos: the real host against peers of unusual timing, on real sockets. The seed draws everything,
// round by round; each round has a host of its own (round.cpp), and every violation is reported at
// once.
//
//   chaos --host PROGRAM --plugins DIR --work DIR [--emulator PROGRAM]
//         [--backend epoll|io_uring|iocp] [--ports per_core|shared]
//         [--seconds S] [--seed N] [--plan yes] [--plant DEFECT]
//
// The first round's seed is N, the next one's N + 1, and so on. At least one round is run, and none
// begins that would not end in time. --plan only prints what the seed draws. --plant replaces
// "echo" by the plugin chaotic#DEFECT (tests/plugins/chaotic.c), whose defect must be found, and
// makes the rounds short. Exit codes: 0 passed, 1 failed, 2 wrong usage.
//
// A delay counts only as far as the machine let the suite and the host run (watch.hpp). If that
// decides a judgement, the judgement is void; a run with many void ones is worth nothing, and
// fails.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "findings.hpp"
#include "plan.hpp"
#include "round.hpp"

namespace portico::chaos {

namespace {

struct Options {
    Programs programs;
    std::string backend = "epoll", ports = "per_core";
    long long seconds = 60;
    std::uint64_t seed = static_cast<std::uint64_t>(
                             std::chrono::system_clock::now().time_since_epoch().count()) %
                         1'000'000'000;
    bool only_plan = false;
    std::string plant;
};

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::string value = argv[i + 1];
        if (name == "--host") {
            options.programs.host = value;
        } else if (name == "--emulator") {
            options.programs.emulator = value;
        } else if (name == "--plugins") {
            options.programs.plugins = value;
        } else if (name == "--work") {
            options.programs.work = value;
        } else if (name == "--backend") {
            options.backend = value;
        } else if (name == "--ports") {
            options.ports = value;
        } else if (name == "--seconds") {
            options.seconds = std::atoll(value.c_str());
        } else if (name == "--seed") {
            options.seed = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--plant") {
            options.plant = value;
        } else if (name == "--plan") {
            options.only_plan = true;
        } else {
            return false;
        }
    }
    const Programs& programs = options.programs;
    return argc % 2 == 1 &&
           (options.only_plan ||
            (!programs.host.empty() && !programs.plugins.empty() && !programs.work.empty()));
}

// If more than this share of the judgements is void, the run on this machine proves nothing.
bool has_too_many_void(std::uint64_t judgements, std::uint64_t voided) {
    return voided > 10 && voided * 20 > judgements;
}

int run(const Options& options) {
    const Time began = Clock::now();
    const auto passed = [&] {
        return std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began).count();
    };
    std::uint64_t judgements = 0, voided = 0, rounds = 0, failed = 0;
    for (std::uint64_t seed = options.seed;
         rounds == 0 || passed() + passed() / static_cast<long long>(rounds) <= options.seconds;
         ++seed) {
        Plan plan = draw_plan(seed, options.backend, options.ports);
        plan.plant = options.plant;
        plan.is_short = !plan.plant.empty();
        const Outcome outcome = run_round(options.programs, plan);
        ++rounds;
        judgements += outcome.judgements;
        voided += outcome.voided;
        std::printf("[%4lld s] %s %s, seed %llu: %s: %s\n", static_cast<long long>(passed()),
                    plan.backend.c_str(), plan.ports.c_str(), static_cast<unsigned long long>(seed),
                    outcome.is_right ? "right" : "WRONG", outcome.summary.c_str());
        if (!outcome.is_right) {
            ++failed;
            const std::string kept = options.programs.work + "/seed-" + std::to_string(seed) +
                                     ".log";
            std::error_code error;
            std::filesystem::copy_file(options.programs.work + "/host.log", kept,
                                       std::filesystem::copy_options::overwrite_existing, error);
            std::printf("%s", text_of(plan).c_str());
            std::printf("found:");
            for (const std::string& kind : outcome.kinds) {
                std::printf(" %s;", kind.c_str());
            }
            const std::string backend = plan.on_windows          ? "windows"
                                        : plan.ports == "shared" ? "shared"
                                                                 : plan.backend;
            std::printf(
                " the host's log: %s; the same again: ./dev chaos --backend %s --seed %llu\n",
                kept.c_str(), backend.c_str(), static_cast<unsigned long long>(seed));
        }
        std::fflush(stdout);
    }
    std::printf("%llu rounds, %llu of them wrong; %llu judgements, %llu of them void\n",
                static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(judgements),
                static_cast<unsigned long long>(voided));
    if (has_too_many_void(judgements, voided)) {
        std::printf("too many are void: this machine is too busy to judge by\n");
        return 1;
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace portico::chaos

int main(int argc, char** argv) {
    using namespace portico::chaos;
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr, "usage: see tests/chaos/main.cpp\n");
        return 2;
    }
    if (options.only_plan) {
        std::printf("%s", text_of(draw_plan(options.seed, options.backend, options.ports)).c_str());
        return 0;
    }
    ::signal(SIGPIPE, SIG_IGN);
    for (const int number : {SIGINT, SIGTERM}) {
        ::signal(number, [](int) {
            if (const int host = host_under_way(); host != 0) {
                ::kill(host, SIGKILL);
            }
            ::_exit(130);
        });
    }
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    std::filesystem::create_directories(options.programs.work);
    return run(options);
}
