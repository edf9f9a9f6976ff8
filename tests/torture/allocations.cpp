// The replaced functions. Under a sanitizer memory still comes from its allocator, so that it finds
// leaks and misuse as ever; else from the C library's. Compiled without instrumentation: these run
// before a sanitizer is ready.
#include "torture/allocations.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PORTICO_SANITIZED)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

extern "C" {
void* REAL(malloc)(std::size_t size) noexcept;
void* REAL(calloc)(std::size_t count, std::size_t size) noexcept;
void* REAL(realloc)(void* memory, std::size_t size) noexcept;
void* REAL(memalign)(std::size_t alignment, std::size_t size) noexcept;
void REAL(free)(void* memory) noexcept;
}

namespace portico::test {

namespace {

constexpr std::uint32_t nobody = UINT32_MAX;
// Of a thread that has no number, or none yet: its calls are never counted.
constexpr std::uint32_t unnumbered = UINT32_MAX - 1;

// Which thread's calls fail. Stored last and with release, so that the thread that finds itself
// named sees the rest.
std::atomic<std::uint32_t> failing_thread{nobody};
std::atomic<std::uint64_t> first_failing{0};
std::atomic<Failing> failing_how{Failing::once};
std::atomic<std::uint64_t> calls{0};
std::atomic<std::uint64_t> failures{0};

std::atomic<std::int64_t> live{0};
std::atomic<std::uint32_t> threads_started{0};
constinit thread_local std::uint32_t thread_number = unnumbered;

bool fails_now() noexcept {
    if (failing_thread.load(std::memory_order_acquire) != thread_number) {
        return false;
    }
    const std::uint64_t call = calls.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::uint64_t first = first_failing.load(std::memory_order_relaxed);
    if (failing_how.load(std::memory_order_relaxed) == Failing::once ? call != first
                                                                     : call < first) {
        return false;
    }
    failures.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void* counted(void* memory) noexcept {
    if (memory != nullptr) {
        live.fetch_add(1, std::memory_order_relaxed);
    }
    return memory;
}

void* no_memory() noexcept {
    errno = ENOMEM;
    return nullptr;
}

void* aligned(std::size_t alignment, std::size_t size) noexcept {
    return fails_now() ? no_memory() : counted(REAL(memalign)(alignment, size));
}

struct ThreadStart {
    void* (*function)(void*);
    void* argument;
    std::uint32_t number;
};

void* run_thread(void* argument) noexcept {
    const ThreadStart start = *static_cast<ThreadStart*>(argument);
    REAL(free)(argument);
    thread_number = start.number;
    return start.function(start.argument);
}

}  // namespace

void number_threads() {
    threads_started.store(0, std::memory_order_relaxed);
    thread_number = 0;
}

FailingCalls::FailingCalls(std::uint32_t thread, std::uint64_t first, Failing how) noexcept {
    thread_number = 0;
    calls.store(0, std::memory_order_relaxed);
    failures.store(0, std::memory_order_relaxed);
    first_failing.store(first, std::memory_order_relaxed);
    failing_how.store(how, std::memory_order_relaxed);
    failing_thread.store(thread, std::memory_order_release);
}

void FailingCalls::stop() noexcept {
    failing_thread.store(nobody, std::memory_order_release);
}

bool FailingCalls::has_failed() const noexcept {
    return failures.load(std::memory_order_relaxed) != 0;
}

std::int64_t live_allocations() noexcept {
    return live.load(std::memory_order_relaxed);
}

}  // namespace portico::test

using namespace portico::test;

extern "C" {

void* malloc(std::size_t size) noexcept {
    return fails_now() ? no_memory() : counted(REAL(malloc)(size));
}

void* calloc(std::size_t count, std::size_t size) noexcept {
    return fails_now() ? no_memory() : counted(REAL(calloc)(count, size));
}

void* realloc(void* memory, std::size_t size) noexcept {
    if (size != 0 && fails_now()) {
        return no_memory();
    }
    void* moved = REAL(realloc)(memory, size);
    live.fetch_add((moved != nullptr && memory == nullptr ? 1 : 0) -
                       (moved == nullptr && memory != nullptr && size == 0 ? 1 : 0),
                   std::memory_order_relaxed);
    return moved;
}

void free(void* memory) noexcept {
    if (memory != nullptr) {
        live.fetch_sub(1, std::memory_order_relaxed);
    }
    REAL(free)(memory);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
    return aligned(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return aligned(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    void* made = aligned(alignment, size);
    if (made == nullptr) {
        return ENOMEM;
    }
    *memory = made;
    return 0;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
                   void* argument) noexcept {
    using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
    if (fails_now()) {
        return EAGAIN;
    }
    auto* start = static_cast<ThreadStart*>(REAL(malloc)(sizeof(ThreadStart)));
    if (start == nullptr) {
        return EAGAIN;
    }
    *start = {function, argument, threads_started.fetch_add(1, std::memory_order_relaxed) + 1};
    // What the start of a thread allocates in here is a sanitizer's own, or ends as a start that
    // failed, which has its turn above.
    const std::uint32_t number = std::exchange(thread_number, unnumbered);
    const int code = create(thread, attributes, run_thread, start);
    thread_number = number;
    if (code != 0) {
        REAL(free)(start);
    }
    return code;
}

}  // extern "C"

// The C++ library's call malloc; a sanitizer's do not.

void* operator new(std::size_t size) {
    void* made = malloc(size != 0 ? size : 1);
    if (made == nullptr) {
        throw std::bad_alloc();
    }
    return made;
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    void* made = aligned(static_cast<std::size_t>(alignment), size != 0 ? size : 1);
    if (made == nullptr) {
        throw std::bad_alloc();
    }
    return made;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return malloc(size != 0 ? size : 1);
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return aligned(static_cast<std::size_t>(alignment), size != 0 ? size : 1);
}

// The array forms call these.
void operator delete(void* memory) noexcept {
    free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    free(memory);
}
