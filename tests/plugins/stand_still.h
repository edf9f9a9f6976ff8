/* Holds up the calling thread. */
#ifndef STAND_STILL_H
#define STAND_STILL_H

#include <stdint.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif

/* Waits that long; on Windows at least that long, in steps of its clock. */
static inline void stand_still(int64_t microseconds) {
#ifdef _WIN32
    Sleep((DWORD)((microseconds + 999) / 1000));
#else
    struct timespec left = {(time_t)(microseconds / 1000000),
                            (long)(microseconds % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0) {
    }
#endif
}

#endif
