// The call stack of a thread, as the places in modules at which it is: for reports to people.
//
// Nothing here takes memory or a lock, unless it says so, so a crash handler may use it
// (async-signal-safe).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace portico::base {

// The innermost places of a stack; the rest is left out.
struct Stack {
    static constexpr std::size_t frames_max = 64;

    // Addresses, the innermost first: the instruction at which the thread is, then a byte of each
    // call that has not returned. So a tool that finds a line for an address finds the call's.
    std::array<std::uintptr_t, frames_max> frames{};
    std::size_t count = 0;

    void add(std::uintptr_t address) noexcept {
        if (count < frames.size()) {
            frames[count++] = address;
        }
    }
};

// A text of limited size, composed without memory. What does not fit is cut off.
class FixedText {
public:
    explicit FixedText(std::span<char> memory) noexcept : memory_(memory) {}

    FixedText& add(std::string_view text) noexcept;
    FixedText& add_hexadecimal(std::uint64_t number) noexcept;
    FixedText& add_decimal(std::uint64_t number) noexcept;
    void clear() noexcept { size_ = 0; }
    [[nodiscard]] std::string_view text() const noexcept { return {memory_.data(), size_}; }

private:
    std::span<char> memory_;
    std::size_t size_ = 0;
};

// Adds "echo.so+0x11d9", the module and the distance from where it was loaded; for code in no
// module the address alone.
void add_place(FixedText& text, std::uintptr_t address) noexcept;

// Walks the stack of the calling thread as it was when `context` was made, by an interrupt: the
// ucontext_t of a signal's handler, or the CONTEXT of an exception. It counts up while it walks: if
// a broken stack makes it fault, what it has found so far remains.
void walk_stack(const void* context, Stack& stack) noexcept;

// The stack's pointer in such a context.
[[nodiscard]] std::uintptr_t stack_pointer_of(const void* context) noexcept;

// The calling thread's number, for stack_of().
[[nodiscard]] std::uint32_t this_thread_id() noexcept;

// [any thread] The stack of another thread of this process, which runs on. False: it cannot be had,
// or not within `at_most`. Takes a lock.
// - Linux: only after use_stack_signal(). The thread is interrupted by that signal.
// - Windows: the thread is suspended for a moment.
[[nodiscard]] bool stack_of(std::uint32_t thread_id, std::chrono::milliseconds at_most,
                            Stack& stack) noexcept;

// Linux: installs a handler for this signal, for stack_of(). It stays, and a second call changes
// nothing. False: the system does not allow it. Windows: true, and nothing happens.
bool use_stack_signal(int number) noexcept;

// For the program's handler of faults. The walk of a stack for stack_of() trusts the tables of the
// code that it finds there, and faults if they are wrong; that is not a fault of the code. If the
// calling thread is in such a walk, this ends the walk with what it has found, and does not return.
// Windows: a copy is walked within its bounds, so nothing happens.
void end_broken_walk() noexcept;

}  // namespace portico::base
