// A fiber: a stack of its own, on which a function runs until it hands over to another fiber of the
// same thread. So threads of a test can be switched at any point, a million times a second, and
// always in the same order.
//
// Stands on ucontext; AddressSanitizer and ThreadSanitizer are told of each switch, since both keep
// a picture of the stack.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace portico::interleave {

class Fiber {
public:
    // The thread that runs now, as something to come back to.
    Fiber();
    // `body` begins with the first switch to it, and must never return: its last act is to switch
    // away for good.
    explicit Fiber(std::function<void()> body);
    // It is not running. If it has not switched away for good, what its stack holds is not
    // destroyed.
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Goes on in `to`; comes back when something switches to this fiber, which is the running one.
    // `for_good`: never comes back.
    void switch_to(Fiber& to, bool for_good = false) noexcept;

private:
    static void begin(unsigned upper, unsigned lower);
    void arrived() noexcept;

    struct Unmap {
        void operator()(void* stack) const noexcept;
    };
    // ASan sweeps its picture of it with each switch
    static constexpr std::size_t stack_bytes = 64 * 1'024;

    std::function<void()> body_;
    std::unique_ptr<void, Unmap> stack_;
    ucontext_t context_{};
    Fiber* came_from_ = nullptr;
    const void* bottom_ = nullptr;  // of its stack, as AddressSanitizer wants to know it
    std::size_t size_ = 0;
    void* fake_stack_ = nullptr;        // AddressSanitizer's
    void* thread_sanitizer_ = nullptr;  // ThreadSanitizer's
};

}  // namespace portico::interleave
