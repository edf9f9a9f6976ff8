// A fiber: a stack of its own, on which a function runs until it hands over to another fiber of the
// same thread. So threads of a test can be switched at any point, a million times a second, and
// always in the same order.
//
// It uses ucontext. It announces each switch to AddressSanitizer and ThreadSanitizer, because both
// track the stack.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace portico::interleave {

class Fiber {
public:
    // Stands for the current thread, so that a fiber can switch back to it.
    Fiber();
    // `body` begins with the first switch to it, and must never return: its last act is to switch
    // away for good.
    explicit Fiber(std::function<void()> body);
    // It must not be running. If it has not switched away for good, the objects on its stack are
    // not destroyed.
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Called on the running fiber: continues in `to`, and returns when something switches back to
    // this one. `for_good`: never returns.
    void switch_to(Fiber& to, bool for_good = false) noexcept;

private:
    static void begin(unsigned upper, unsigned lower);
    void arrived() noexcept;

    struct Unmap {
        void operator()(void* stack) const noexcept;
    };
    // ASan sweeps its shadow with each switch
    static constexpr std::size_t stack_bytes = 64 * 1'024;

    std::function<void()> body_;
    std::unique_ptr<void, Unmap> stack_;
    ucontext_t context_{};
    Fiber* came_from_ = nullptr;
    const void* bottom_ = nullptr;  // of its stack, for AddressSanitizer
    std::size_t size_ = 0;
    void* fake_stack_ = nullptr;        // AddressSanitizer's
    void* thread_sanitizer_ = nullptr;  // ThreadSanitizer's
};

}  // namespace portico::interleave
