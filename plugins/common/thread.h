/* The little of threads that a plugin which prints needs, on each system. */
#ifndef COMMON_THREAD_H
#define COMMON_THREAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#include <windows.h>
#define LINE_END "\r\n"
struct monitor {
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
};
struct thread {
    HANDLE handle;
    void (*run)(void *);
    void *argument;
    volatile LONG is_cancelled;
};
#else
#include <pthread.h>
#define LINE_END "\n"
struct monitor {
    pthread_mutex_t lock;
    pthread_cond_t changed;
};
struct thread {
    pthread_t id;
    void (*run)(void *);
    void *argument;
    struct monitor monitor; /* of has_ended */
    int has_ended;
};
#endif

void monitor_init(struct monitor *monitor);
void monitor_destroy(struct monitor *monitor);
void monitor_enter(struct monitor *monitor);
void monitor_leave(struct monitor *monitor);
void monitor_wait(struct monitor *monitor);
void monitor_wake(struct monitor *monitor);

/* Takes none of the process's signals. False: the system gives none. */
int thread_start(struct thread *thread, void (*run)(void *), void *argument);

/* On the thread itself, without a monitor: writes all the bytes to standard output, or none any
 * more when that is closed. False: thread_end() has ended it in the middle (where it returns at
 * all). */
int thread_write_output(struct thread *thread, const char *bytes, size_t size);

/* Waits `wait_ms` for its end, and then ends its write. False (Windows): that cannot be ended. The
 * thread and its library then stay until the process ends. */
int thread_end(struct thread *thread, uint32_t wait_ms);

#endif
