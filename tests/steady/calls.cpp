// With the linker's --wrap, every reference of this program to NAME reaches __wrap_NAME, and
// __real_NAME is the library's own function. operator new is replaced as the language allows.
#include "steady/calls.hpp"

#include <pthread.h>

#ifdef _WIN32
#include <windows.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);
int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t* mutex);
}

namespace portico::test {

namespace {

std::atomic<bool> is_counting{false};
std::uint64_t test_thread = 0;  // written before is_counting
std::atomic<std::uint64_t> allocations{0};
std::atomic<std::uint64_t> locks{0};
std::array<std::atomic<pthread_mutex_t*>, Calls::mutexes_max> mutexes{};

std::uint64_t this_thread() noexcept {
#ifdef _WIN32
    return ::GetCurrentThreadId();  // pthread_self() allocates there on a thread's first call
#else
    return static_cast<std::uint64_t>(pthread_self());
#endif
}

bool counts_here() noexcept {
    return is_counting.load(std::memory_order_acquire) && this_thread() != test_thread;
}

void count_allocation() noexcept {
    if (counts_here()) {
        allocations.fetch_add(1, std::memory_order_relaxed);
    }
}

void count_lock(pthread_mutex_t* mutex) noexcept {
    if (!counts_here()) {
        return;
    }
    locks.fetch_add(1, std::memory_order_relaxed);
    for (std::atomic<pthread_mutex_t*>& place : mutexes) {
        pthread_mutex_t* known = nullptr;
        if (place.compare_exchange_strong(known, mutex, std::memory_order_relaxed) ||
            known == mutex) {
            return;
        }
    }
}

void* aligned(std::size_t size, std::align_val_t alignment) noexcept {
    count_allocation();
#ifdef _WIN32
    return ::_aligned_malloc(std::max<std::size_t>(size, 1), static_cast<std::size_t>(alignment));
#else
    const auto unit = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(unit, (std::max<std::size_t>(size, 1) + unit - 1) / unit * unit);
#endif
}

void free_aligned(void* memory) noexcept {
#ifdef _WIN32
    ::_aligned_free(memory);
#else
    std::free(memory);
#endif
}

}  // namespace

CountedCalls::CountedCalls() noexcept {
    allocations.store(0, std::memory_order_relaxed);
    locks.store(0, std::memory_order_relaxed);
    for (std::atomic<pthread_mutex_t*>& place : mutexes) {
        place.store(nullptr, std::memory_order_relaxed);
    }
    test_thread = this_thread();
    is_counting.store(true, std::memory_order_release);
}

Calls CountedCalls::stop() noexcept {
    is_counting.store(false, std::memory_order_release);
    Calls calls{allocations.load(std::memory_order_relaxed), locks.load(std::memory_order_relaxed),
                0};
    for (const std::atomic<pthread_mutex_t*>& place : mutexes) {
        calls.mutexes += place.load(std::memory_order_relaxed) != nullptr ? 1 : 0;
    }
    return calls;
}

}  // namespace portico::test

using namespace portico::test;

extern "C" {

void* __wrap_malloc(std::size_t size) {
    count_allocation();
    return __real_malloc(size);
}

void* __wrap_calloc(std::size_t count, std::size_t size) {
    count_allocation();
    return __real_calloc(count, size);
}

void* __wrap_realloc(void* memory, std::size_t size) {
    count_allocation();
    return __real_realloc(memory, size);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
    count_lock(mutex);
    return __real_pthread_mutex_lock(mutex);
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t* mutex) {
    count_lock(mutex);
    return __real_pthread_mutex_trylock(mutex);
}

}  // extern "C"

// The language's other forms of new call these.

void* operator new(std::size_t size) {
    count_allocation();
    void* made = __real_malloc(std::max<std::size_t>(size, 1));
    if (made == nullptr) {
        throw std::bad_alloc();
    }
    return made;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    count_allocation();
    return __real_malloc(std::max<std::size_t>(size, 1));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    void* made = aligned(size, alignment);
    if (made == nullptr) {
        throw std::bad_alloc();
    }
    return made;
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return aligned(size, alignment);
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    free_aligned(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    free_aligned(memory);
}
