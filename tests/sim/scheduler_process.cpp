// What a seeded run asks of its process: one processor, and a trace when the process dies.
#include <sched.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "sim/scheduler.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PORTICO_SIM_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PORTICO_SIM_SANITIZED
#endif
#ifdef PORTICO_SIM_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

namespace portico::sim {

namespace {

// Catches an abort, and the alarm that limits the time of a run. A sanitizer, if there is one,
// handles bad addresses itself.
#ifdef PORTICO_SIM_SANITIZED
constexpr std::array deadly_signals{SIGABRT, SIGALRM};
#else
constexpr std::array deadly_signals{SIGABRT, SIGALRM, SIGSEGV, SIGBUS};
#endif

}  // namespace

void Scheduler::bind_to_processor(unsigned number) noexcept {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    number %= static_cast<unsigned>(CPU_COUNT(&allowed));
    for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor) {
        if (CPU_ISSET(processor, &allowed) && number-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            ::sched_setaffinity(0, sizeof one, &one);  // if refused, only speed is lost
            return;
        }
    }
}

void Scheduler::print_trace_on_death() {
    static std::atomic<bool> is_set{false};
    if (is_set.exchange(true)) {
        return;
    }
#ifdef PORTICO_SIM_SANITIZED
    ::__sanitizer_set_death_callback(&Scheduler::say_last_words);
#endif
    for (const int number : deadly_signals) {
        std::signal(number, [](int its_number) {
            if (has_last_words()) {
                std::fprintf(stderr, "the process is about to end (signal %d)\n", its_number);
                say_last_words();
            }
            std::signal(its_number, SIG_DFL);
            std::raise(its_number);
        });
    }
}

}  // namespace portico::sim
