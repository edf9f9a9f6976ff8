/* The work that a message may ask for, for the server that is measured with a slow neighbour: 5 ms
 * of processor time, like a callback that computes. The host's plugin and the peers share this
 * code; it is C, for the plugin. */
#ifndef BENCH_COMMON_WORK_H
#define BENCH_COMMON_WORK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif

/* A message that begins with this asks for the work. No generated message of the client does. */
static const char work_request[] = "5 ms of work";
#define WORK_NS 5000000

static inline int asks_for_work(const void* bytes, size_t size) {
    return size >= sizeof work_request - 1 &&
           memcmp(bytes, work_request, sizeof work_request - 1) == 0;
}

static inline uint64_t work_clock_ns(void) {
#ifdef _WIN32
    LARGE_INTEGER ticks, each_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&each_second);
    return (uint64_t)((double)ticks.QuadPart / (double)each_second.QuadPart * 1e9);
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
#endif
}

static inline void work(void) {
    const uint64_t until = work_clock_ns() + WORK_NS;
    while (work_clock_ns() < until) {
    }
}

#endif
