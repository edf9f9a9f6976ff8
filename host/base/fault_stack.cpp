#include "base/fault_stack.hpp"

#ifdef _WIN32
#include <windows.h>
#else
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace portico::base {

#ifdef _WIN32

FaultStack::FaultStack() noexcept {
    ULONG wanted = bytes;
    ::SetThreadStackGuarantee(&wanted);
}

FaultStack::~FaultStack() = default;

#else

namespace {

// Below the stack: a handler that needs more than there is faults, and overwrites nothing.
std::size_t guard_bytes() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

FaultStack::FaultStack() noexcept {
    stack_t present{};
    if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) {
        return;  // a sanitizer's, or that of another language's run time
    }
    const std::size_t guard = guard_bytes();
    void* const mapped = ::mmap(nullptr, guard + bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (mapped == MAP_FAILED) {
        return;
    }
    ::mprotect(mapped, guard, PROT_NONE);
    stack_t wanted{};
    wanted.ss_sp = static_cast<char*>(mapped) + guard;
    wanted.ss_size = bytes;
    if (::sigaltstack(&wanted, nullptr) != 0) {
        ::munmap(mapped, guard + bytes);
        return;
    }
    memory_ = mapped;
}

FaultStack::~FaultStack() {
    if (memory_ == nullptr) {
        return;
    }
    const std::size_t guard = guard_bytes();
    stack_t present{};
    // Somebody else may have replaced it.
    if (::sigaltstack(nullptr, &present) == 0 &&
        present.ss_sp == static_cast<char*>(memory_) + guard) {
        stack_t none{};
        none.ss_flags = SS_DISABLE;
        ::sigaltstack(&none, nullptr);
    }
    ::munmap(memory_, guard + bytes);
}

#endif

}  // namespace portico::base
