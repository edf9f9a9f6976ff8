// Room for the program's crash handler on a thread of the host, for when the thread's own stack is
// full.
#pragma once

#include <cstddef>

namespace portico::base {

// Each thread that runs plugins' code has one as long as it lives, made and destroyed by that
// thread. It changes nothing in a program without a crash handler.
// - POSIX: an alternate signal stack, unless the thread has one already. A handler uses it only if
//   it was installed with SA_ONSTACK.
// - Windows: so much of the thread's own stack is left when it overflows.
// Without memory for it, an overflow ends the process without a report.
class FaultStack {
public:
    FaultStack() noexcept;
    ~FaultStack();
    FaultStack(const FaultStack&) = delete;
    FaultStack& operator=(const FaultStack&) = delete;

private:
    static constexpr std::size_t bytes = 65'536;

    [[maybe_unused]] void* memory_ = nullptr;
};

}  // namespace portico::base
