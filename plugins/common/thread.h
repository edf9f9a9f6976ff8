/* The few thread functions that a plugin needs to print, for each system. */
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

/* The thread takes none of the process's signals. Returns 0 if the system gives no thread. */
int thread_start(struct thread *thread, void (*run)(void *), void *argument);

/* Writes all the bytes to standard output, or nothing more once that is closed. Called on the
 * thread itself, outside of a monitor. Returns 0 if thread_end() has ended it in the middle (if it
 * returns at all). */
int thread_write_output(struct thread *thread, const char *bytes, size_t size);

/* Waits `wait_ms` for the thread's end, and then ends its write. Returns 0 (Windows) if the write
 * cannot be ended: the thread and its library then stay until the process ends. */
int thread_end(struct thread *thread, uint32_t wait_ms);

#endif
