#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* mallinfo2 */
#endif
#include "process_usage.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
/* The order matters. */
#include <windows.h>

#include <psapi.h>
#include <tlhelp32.h>
#else
#include <dirent.h>
#include <malloc.h>
#include <unistd.h>
#endif

static void expect(int is_fine, const char* what) {
    if (!is_fine) {
        fprintf(stderr, "process_usage: the system does not say %s\n", what);
        abort();
    }
}

#ifdef _WIN32

static int64_t threads(void) {
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    int64_t count = 0;
    for (BOOL more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(snapshot);
    return count;
}

/* Of SystemExtendedHandleInformation. */
struct handle {
    void* object;
    uintptr_t process;
    uintptr_t value;
    ULONG access;
    USHORT backtrace;
    USHORT type;
    ULONG attributes;
    ULONG reserved;
};
struct handles {
    uintptr_t count;
    uintptr_t reserved;
    struct handle all[];
};

/* Counts in the system's list of all handles, because Wine's GetProcessHandleCount returns 0. */
static int64_t handles(void) {
    typedef LONG(NTAPI * query_function)(ULONG information, void* answer, ULONG size,
                                         ULONG* needed_size);
    const ULONG extended_handle_information = 64;
    const LONG too_short = (LONG)0xC0000004; /* STATUS_INFO_LENGTH_MISMATCH */
    const query_function query = (query_function)(void (*)(void))GetProcAddress(
        GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation");
    struct handles* answer = NULL;
    LONG status = too_short;
    int64_t count = 0;
    for (ULONG size = 1U << 20; status == too_short && size < 1U << 29; size *= 2) {
        ULONG needed = 0;
        free(answer);
        answer = malloc(size);
        expect(answer != NULL, "its handles: out of memory");
        status = query(extended_handle_information, answer, size, &needed);
    }
    expect(status == 0, "its handles");
    for (uintptr_t i = 0; i < answer->count; ++i)
        count += answer->all[i].process == GetCurrentProcessId();
    free(answer);
    return count;
}

struct process_usage process_usage_now(void) {
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    expect(K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory), "its memory");
    struct process_usage usage = {threads(), handles(), 0, (int64_t)memory.WorkingSetSize};
    expect(usage.threads > 0 && usage.descriptors > 0, "its threads and handles");
    return usage;
}

#else

static int64_t entries_of(const char* folder) {
    DIR* open = opendir(folder);
    int64_t count = 0;
    expect(open != NULL, folder);
    while (readdir(open) != NULL) ++count;
    closedir(open);
    return count - 2; /* "." and ".." */
}

struct process_usage process_usage_now(void) {
    struct process_usage usage = {entries_of("/proc/self/task"), entries_of("/proc/self/fd"), 0, 0};
    FILE* file = fopen("/proc/self/statm", "r");
    long pages = 0;
    expect(file != NULL && fscanf(file, "%*s %ld", &pages) == 1, "its memory");
    fclose(file);
    usage.resident_bytes = pages * sysconf(_SC_PAGESIZE);
#ifdef __GLIBC__
    usage.allocated_bytes = (int64_t)mallinfo2().uordblks;
#endif
    return usage;
}

#endif
