// --wrap sends every blocking call of the code under test here instead of to the library
// (sim/CMakeLists.txt has the list). On a thread of a seeded run it blocks in the scheduler; on any
// other thread it is the real call.
//
// The names are the linker's: __wrap_X is called in the place of X, and __real_X is X. A member
// function's object is its first argument (Itanium C++ ABI).
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "io/buffer_pool.hpp"
#include "sim/poison.hpp"
#include "sim/scheduler.hpp"

using portico::sim::Scheduler;

namespace {

// The scheduler to block in; null: make the real call. Inside an event nothing may block, so a
// blocking call is the real one too, and a mistake shows (an action that calls production code
// under a lock that is taken).
Scheduler* scheduler_here() noexcept {
    Scheduler* scheduler = Scheduler::current();
    return scheduler == nullptr || scheduler->in_event() ? nullptr : scheduler;
}

// The state of a std::thread that begins and ends with the scheduler.
class SimulatedThread final : public std::thread::_State {
public:
    SimulatedThread(Scheduler& scheduler, Scheduler::Thread& thread,
                    std::unique_ptr<std::thread::_State> body) noexcept
        : scheduler_(scheduler), thread_(thread), body_(std::move(body)) {}

    void _M_run() override {
        scheduler_.begin_thread(thread_);
        body_->_M_run();
        body_.reset();
        scheduler_.end_thread(thread_);
    }

private:
    Scheduler& scheduler_;
    Scheduler::Thread& thread_;
    std::unique_ptr<std::thread::_State> body_;
};

}  // namespace

extern "C" {

// ---- std::this_thread::yield

int __real_sched_yield();

// A thread that yields waits for another one, so time passes.
int __wrap_sched_yield();
int __wrap_sched_yield() {
    Scheduler* scheduler = scheduler_here();
    if (scheduler == nullptr) {
        return __real_sched_yield();
    }
    scheduler->sleep_for(1);
    return 0;
}

// ---- std::mutex

int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t* mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
    Scheduler* scheduler = scheduler_here();
    if (scheduler == nullptr) {
        return __real_pthread_mutex_lock(mutex);
    }
    scheduler->switch_point();
    while (::pthread_mutex_trylock(mutex) != 0) {
        scheduler->wait_at(mutex, "a mutex");
    }
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
    const int result = __real_pthread_mutex_unlock(mutex);
    if (Scheduler* scheduler = Scheduler::current()) {
        scheduler->wake_waiters(mutex, true);
    }
    return result;
}

// ---- std::condition_variable

void __real__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(
    std::condition_variable*, std::unique_lock<std::mutex>&);
void __real__ZNSt18condition_variable10notify_oneEv(std::condition_variable*);
void __real__ZNSt18condition_variable10notify_allEv(std::condition_variable*);

void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(
    std::condition_variable*, std::unique_lock<std::mutex>&);
void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(
    std::condition_variable* condition, std::unique_lock<std::mutex>& lock) {
    Scheduler* scheduler = scheduler_here();
    if (scheduler == nullptr) {
        __real__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(condition, lock);
        return;
    }
    // No other thread runs between the unlock and the wait: neither is a switch point.
    lock.unlock();
    scheduler->wait_at(condition, "a condition variable");
    lock.lock();
}

void __wrap__ZNSt18condition_variable10notify_oneEv(std::condition_variable*);
void __wrap__ZNSt18condition_variable10notify_oneEv(std::condition_variable* condition) {
    if (Scheduler* scheduler = Scheduler::current()) {
        scheduler->wake_waiters(condition, false);
    } else {
        __real__ZNSt18condition_variable10notify_oneEv(condition);
    }
}

void __wrap__ZNSt18condition_variable10notify_allEv(std::condition_variable*);
void __wrap__ZNSt18condition_variable10notify_allEv(std::condition_variable* condition) {
    if (Scheduler* scheduler = Scheduler::current()) {
        scheduler->wake_waiters(condition, true);
    } else {
        __real__ZNSt18condition_variable10notify_allEv(condition);
    }
}

// ---- std::thread

using StateOfThread = std::unique_ptr<std::thread::_State>;

void __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread*, StateOfThread, void (*)());
void __real__ZNSt6thread4joinEv(std::thread*);

void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread*, StateOfThread, void (*)());
void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* thread, StateOfThread body, void (*depend)()) {
    Scheduler* scheduler = scheduler_here();
    if (scheduler == nullptr) {
        __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
            thread, std::move(body), depend);
        return;
    }
    Scheduler::Thread& announced = scheduler->announce_thread();
    __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
        thread, std::make_unique<SimulatedThread>(*scheduler, announced, std::move(body)), depend);
    scheduler->started_as(announced, thread->get_id());
    scheduler->switch_point();
}

void __wrap__ZNSt6thread4joinEv(std::thread*);
void __wrap__ZNSt6thread4joinEv(std::thread* thread) {
    if (Scheduler* scheduler = scheduler_here()) {
        scheduler->await_end(thread->get_id());
    }
    __real__ZNSt6thread4joinEv(thread);  // the rest of it depends on no other thread
}

// ---- std::chrono::steady_clock: base::now_ns()

std::chrono::steady_clock::time_point __real__ZNSt6chrono3_V212steady_clock3nowEv();
std::chrono::steady_clock::time_point __wrap__ZNSt6chrono3_V212steady_clock3nowEv();
std::chrono::steady_clock::time_point __wrap__ZNSt6chrono3_V212steady_clock3nowEv() {
    if (const Scheduler* scheduler = Scheduler::current()) {
        return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(scheduler->now()));
    }
    return __real__ZNSt6chrono3_V212steady_clock3nowEv();
}

// ---- io::BufferPool: free buffers are poisoned. (Only those of a shared pool, whose functions are
// calls; those of a `single` one are inline.)

portico::io::Buffer __real__ZN7portico2io10BufferPool11take_sharedEv(portico::io::BufferPool*);
portico::io::Buffer __wrap__ZN7portico2io10BufferPool11take_sharedEv(portico::io::BufferPool*);
portico::io::Buffer __wrap__ZN7portico2io10BufferPool11take_sharedEv(
    portico::io::BufferPool* pool) {
    const portico::io::Buffer buffer = __real__ZN7portico2io10BufferPool11take_sharedEv(pool);
    if (buffer.data != nullptr) {
        portico::sim::unpoison(buffer.data, pool->buffer_bytes());
    }
    return buffer;
}

void __real__ZN7portico2io10BufferPool16give_back_sharedEj(portico::io::BufferPool*, std::uint32_t);
void __wrap__ZN7portico2io10BufferPool16give_back_sharedEj(portico::io::BufferPool*, std::uint32_t);
void __wrap__ZN7portico2io10BufferPool16give_back_sharedEj(portico::io::BufferPool* pool,
                                                           std::uint32_t index) {
    std::byte* const data = pool->in_use_at(index).data;
    // Touches the buffer: that finds one that is free, or whose bytes are being sent. Without the
    // sanitizer, a read through an old pointer at least finds nobody's data.
    const std::size_t touched = portico::sim::poisons ? 1 : pool->buffer_bytes();
    std::memset(data, 0xDD, touched);
    portico::sim::poison(data, pool->buffer_bytes());
    __real__ZN7portico2io10BufferPool16give_back_sharedEj(pool, index);
}

}  // extern "C"
