#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"

void monitor_init(struct monitor *monitor) {
    pthread_condattr_t attributes;
    pthread_mutex_init(&monitor->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}
void monitor_destroy(struct monitor *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->lock);
}
void monitor_enter(struct monitor *monitor) { pthread_mutex_lock(&monitor->lock); }
void monitor_leave(struct monitor *monitor) { pthread_mutex_unlock(&monitor->lock); }
void monitor_wait(struct monitor *monitor) { pthread_cond_wait(&monitor->changed, &monitor->lock); }
void monitor_wake(struct monitor *monitor) { pthread_cond_signal(&monitor->changed); }

static void *enter(void *argument) {
    struct thread *thread = argument;
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    thread->run(thread->argument);
    monitor_enter(&thread->monitor);
    thread->has_ended = 1;
    monitor_wake(&thread->monitor);
    monitor_leave(&thread->monitor);
    return NULL;
}

int thread_start(struct thread *thread, void (*run)(void *), void *argument) {
    sigset_t all;
    sigset_t before;
    thread->run = run;
    thread->argument = argument;
    thread->has_ended = 0;
    monitor_init(&thread->monitor);
    /* A new thread inherits its maker's mask. No signal may come to it, and a closed pipe is an
     * error, not a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread->id, NULL, enter, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) monitor_destroy(&thread->monitor);
    return error == 0;
}

int thread_write_output(struct thread *thread, const char *bytes, size_t size) {
    (void)thread;
    while (size != 0) {
        /* thread_end() may end the thread here and nowhere else: it holds nothing. */
        int before;
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
        const ssize_t written = write(STDOUT_FILENO, bytes, size);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            /* Somebody made the terminal or pipe non-blocking. */
            const struct timespec soon = {0, 10 * 1000 * 1000};
            pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
            nanosleep(&soon, NULL);
            pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        } else if (errno != EINTR) {
            return 1; /* closed: there is no better place to say so */
        }
    }
    return 1;
}

int thread_end(struct thread *thread, uint32_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000 * 1000;
    if (until.tv_nsec >= 1000 * 1000 * 1000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000 * 1000 * 1000;
    }
    monitor_enter(&thread->monitor);
    while (!thread->has_ended &&
           pthread_cond_timedwait(&thread->monitor.changed, &thread->monitor.lock, &until) == 0) {
    }
    const int has_ended = thread->has_ended;
    monitor_leave(&thread->monitor);
    if (!has_ended) pthread_cancel(thread->id);
    pthread_join(thread->id, NULL);
    monitor_destroy(&thread->monitor);
    return 1;
}
