#include "thread.h"

void monitor_init(struct monitor *monitor) {
    InitializeSRWLock(&monitor->lock);
    InitializeConditionVariable(&monitor->changed);
}
void monitor_destroy(struct monitor *monitor) { (void)monitor; }
void monitor_enter(struct monitor *monitor) { AcquireSRWLockExclusive(&monitor->lock); }
void monitor_leave(struct monitor *monitor) { ReleaseSRWLockExclusive(&monitor->lock); }
void monitor_wait(struct monitor *monitor) {
    SleepConditionVariableSRW(&monitor->changed, &monitor->lock, INFINITE, 0);
}
void monitor_wake(struct monitor *monitor) { WakeConditionVariable(&monitor->changed); }

static DWORD WINAPI enter(void *argument) {
    struct thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

int thread_start(struct thread *thread, void (*run)(void *), void *argument) {
    thread->run = run;
    thread->argument = argument;
    thread->is_cancelled = 0;
    thread->handle = CreateThread(NULL, 0, enter, thread, 0, NULL);
    return thread->handle != NULL;
}

/* This does not use the C library: its lock on the stream would be held while the console stands
 * still, and the end of the process waits for that lock. */
int thread_write_output(struct thread *thread, const char *bytes, size_t size) {
    const HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    while (size != 0 && !thread->is_cancelled) {
        DWORD written = 0;
        if (!WriteFile(output, bytes, (DWORD)size, &written, NULL) || written == 0) break;
        bytes += written;
        size -= written;
    }
    return !thread->is_cancelled;
}

int thread_end(struct thread *thread, uint32_t wait_ms) {
    DWORD waited = WaitForSingleObject(thread->handle, wait_ms);
    InterlockedExchange(&thread->is_cancelled, 1);
    /* Tries several times: the thread may be between two writes. Wine 8 cannot end a write to a
     * pipe of its Unix side. */
    for (int tries = 0; waited != WAIT_OBJECT_0 && tries < 20; ++tries) {
        CancelSynchronousIo(thread->handle);
        waited = WaitForSingleObject(thread->handle, 10);
    }
    CloseHandle(thread->handle);
    if (waited != WAIT_OBJECT_0) {
        static const char of_this_library = 0;
        HMODULE pinned;
        GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           (LPCWSTR)&of_this_library, &pinned);
        return 0;
    }
    return 1;
}
