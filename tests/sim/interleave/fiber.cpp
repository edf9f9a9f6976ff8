#include "sim/interleave/fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace portico::interleave {

void Fiber::Unmap::operator()(void* stack) const noexcept {
    ::munmap(stack, stack_bytes);
}

Fiber::Fiber() {
#if defined(__SANITIZE_THREAD__)
    thread_sanitizer_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)) {
    void* stack = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    if (stack == MAP_FAILED) {
        throw std::bad_alloc();
    }
    stack_.reset(stack);
#if defined(__SANITIZE_ADDRESS__)
    // An abandoned fiber may have left poison there.
    __asan_unpoison_memory_region(stack, stack_bytes);
#endif
    bottom_ = stack;
    size_ = stack_bytes;
    ::getcontext(&context_);
    context_.uc_stack.ss_sp = stack;
    context_.uc_stack.ss_size = stack_bytes;
    context_.uc_link = nullptr;
    // makecontext passes nothing wider than an int.
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::begin), 2,
                  static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
#if defined(__SANITIZE_THREAD__)
    thread_sanitizer_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
    if (stack_ != nullptr) {
        __tsan_destroy_fiber(thread_sanitizer_);
    }
#endif
}

void Fiber::begin(unsigned upper, unsigned lower) {
    auto& self = *reinterpret_cast<Fiber*>(std::uintptr_t{upper} << 32 | lower);
    self.arrived();
    self.body_();
    std::abort();
}

void Fiber::switch_to(Fiber& to, [[maybe_unused]] bool for_good) noexcept {
    to.came_from_ = this;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, to.bottom_, to.size_);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(to.thread_sanitizer_, 0);
#endif
    ::swapcontext(&context_, &to.context_);
    arrived();
}

void Fiber::arrived() noexcept {
#if defined(__SANITIZE_ADDRESS__)
    // This also returns the bounds of the stack that was left: there is no other way to learn a
    // thread's.
    __sanitizer_finish_switch_fiber(fake_stack_, &came_from_->bottom_, &came_from_->size_);
    fake_stack_ = nullptr;
#endif
}

}  // namespace portico::interleave
