/* What this process has at the moment, so that a test can see what remains of something. */
#ifndef PORTICO_TESTS_PROCESS_USAGE_H
#define PORTICO_TESTS_PROCESS_USAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct process_usage {
    int64_t threads;         /* a thread that was joined may count for a moment longer */
    int64_t descriptors;     /* on Windows: handles, of which the system keeps some of its own */
    int64_t allocated_bytes; /* by malloc, with glibc's caches for each thread; else 0 */
    int64_t resident_bytes;
};

/* Ends the process with a message if the system does not say it. */
struct process_usage process_usage_now(void);

#ifdef __cplusplus
}
#endif

#endif
