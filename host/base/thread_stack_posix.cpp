#include "base/thread_stack.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <mutex>

namespace portico::base {

namespace {

struct Module {
    std::uintptr_t begin = 0;  // what addresses in its file are relative to
    const char* file = nullptr;
};

// False: the address belongs to no module.
bool find_module(std::uintptr_t address, Module& module) noexcept {
    void* const pointer = reinterpret_cast<void*>(address);
#ifdef DLFO_STRUCT_HAS_EH_DBASE  // glibc 2.35 and later: takes no lock
    dl_find_object found{};
    if (::_dl_find_object(pointer, &found) != 0) {
        return false;
    }
    module = {found.dlfo_link_map->l_addr, found.dlfo_link_map->l_name};
#else
    Dl_info found{};
    if (::dladdr(pointer, &found) == 0) {
        return false;
    }
    module = {reinterpret_cast<std::uintptr_t>(found.dli_fbase), found.dli_fname};
#endif
    return true;
}

std::uintptr_t register_of(const ucontext_t& context, [[maybe_unused]] bool is_stack) noexcept {
#if defined(__x86_64__)
    return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[is_stack ? REG_RSP : REG_RIP]);
#elif defined(__aarch64__)
    return is_stack ? context.uc_mcontext.sp : context.uc_mcontext.pc;
#else
    static_cast<void>(context);
    return 0;
#endif
}

struct Walk {
    Stack* stack = nullptr;
    std::uintptr_t from = 0;  // where the thread was interrupted; 0: that was found
};

// The handler's own frames come first, and are left out.
_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) noexcept {
    Walk& walk = *static_cast<Walk*>(argument);
    int is_exact = 0;
    const std::uintptr_t address = ::_Unwind_GetIPInfo(context, &is_exact);
    if (walk.from != 0 && address != walk.from) {
        return _URC_NO_REASON;
    }
    walk.from = 0;
    if (address == 0) {
        return _URC_NORMAL_STOP;  // where the thread began
    }
    walk.stack->add(is_exact != 0 ? address : address - 1);
    return walk.stack->count == Stack::frames_max ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

// ---- the stack of another thread

enum class Step : std::uint32_t { idle, asked, walking, done };

// One for each process, as the signal's handler is. Whoever asks has `mutex`, and owns `stack` but
// between `asked` and `done`; then the thread that was asked does.
struct Capture {
    std::mutex mutex;
    std::atomic<int> number{0};  // of the signal; 0: none yet
    // What the asking thread wrote before `asked` (release) the handler sees (acquire), and the
    // stack comes back by `done`, likewise.
    std::atomic<Step> step{Step::idle};
    std::atomic<pid_t> thread{0};  // relaxed; ordered by `step`
    Stack stack;
    // The thread that walks, and where it goes on if the walk faults. That thread alone sets and
    // uses both (relaxed); 0: none.
    std::atomic<pid_t> walker{0};
    sigjmp_buf end_of_walk{};
};
Capture capture;
static_assert(std::atomic<Step>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

extern "C" void note_stack(int, siginfo_t*, void* context) {
    const int error = errno;
    Step expected = Step::asked;
    // A signal that comes late is for nobody, and so is one in a child that a plugin has forked.
    if (capture.thread.load(std::memory_order_relaxed) == static_cast<pid_t>(this_thread_id()) &&
        capture.step.compare_exchange_strong(expected, Step::walking, std::memory_order_acquire)) {
        if (sigsetjmp(capture.end_of_walk, 0) == 0) {
            capture.walker.store(static_cast<pid_t>(this_thread_id()), std::memory_order_relaxed);
            walk_stack(context, capture.stack);
        }
        capture.walker.store(0, std::memory_order_relaxed);
        capture.step.store(Step::done, std::memory_order_release);
    }
    errno = error;
}

void wait_a_moment() noexcept {
    ::poll(nullptr, 0, 1);
}

bool is_done_by(std::chrono::steady_clock::time_point deadline) noexcept {
    while (capture.step.load(std::memory_order_acquire) != Step::done) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return false;
        }
        wait_a_moment();
    }
    return true;
}

}  // namespace

void add_place(FixedText& text, std::uintptr_t address) noexcept {
    Module module;
    if (!find_module(address, module)) {
        text.add("0x").add_hexadecimal(address);
        return;
    }
    std::string_view name = module.file != nullptr ? module.file : "";
    if (name.empty()) {
        name = program_invocation_short_name;  // the program itself
    }
    name.remove_prefix(name.rfind('/') + 1);  // without one, npos + 1 is 0
    text.add(name).add("+0x").add_hexadecimal(address - module.begin);
}

void walk_stack(const void* context, Stack& stack) noexcept {
    const auto& interrupted = *static_cast<const ucontext_t*>(context);
    stack.count = 0;
    const std::uintptr_t from = register_of(interrupted, false);
    Module module;
    if (find_module(from, module)) {
        Walk walk{&stack, from};
        ::_Unwind_Backtrace(take_frame, &walk);
    }
    if (stack.count == 0) {
        // It jumped to where no code is. The unwinder would look for code there and fault; but the
        // call has put the place that it came from on the stack.
        stack.add(from);
        const std::uintptr_t top = register_of(interrupted, true);
        if (top != 0 && top % sizeof(void*) == 0) {
            const std::uintptr_t caller = *reinterpret_cast<const std::uintptr_t*>(top) - 1;
            if (find_module(caller, module)) {
                stack.add(caller);
            }
        }
    }
}

std::uintptr_t stack_pointer_of(const void* context) noexcept {
    return register_of(*static_cast<const ucontext_t*>(context), true);
}

std::uint32_t this_thread_id() noexcept {
    return static_cast<std::uint32_t>(::syscall(SYS_gettid));
}

bool stack_of(std::uint32_t thread_id, std::chrono::milliseconds at_most, Stack& stack) noexcept {
    const std::scoped_lock lock(capture.mutex);
    const int number = capture.number.load(std::memory_order_relaxed);
    Step expected = Step::idle;
    capture.thread.store(static_cast<pid_t>(thread_id), std::memory_order_relaxed);
    if (number == 0 ||
        !capture.step.compare_exchange_strong(expected, Step::asked, std::memory_order_release)) {
        return false;  // (or a handler never came back)
    }
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    expected = Step::asked;
    if (::syscall(SYS_tgkill, ::getpid(), thread_id, number) != 0 || !is_done_by(deadline)) {
        if (capture.step.compare_exchange_strong(expected, Step::idle, std::memory_order_acquire)) {
            return false;  // the thread blocks the signal, or is in the kernel
        }
        if (!is_done_by(deadline + at_most)) {
            return false;
        }
    }
    stack = capture.stack;
    capture.step.store(Step::idle, std::memory_order_relaxed);
    return true;
}

bool use_stack_signal(int number) noexcept {
    const std::scoped_lock lock(capture.mutex);
    if (capture.number.load(std::memory_order_relaxed) != 0) {
        return true;
    }
    struct sigaction wanted {};
    wanted.sa_sigaction = note_stack;
    // System calls that can go on after it do.
    wanted.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigfillset(&wanted.sa_mask);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        ::sigdelset(&wanted.sa_mask, fault);  // of the walk: see end_broken_walk()
    }
    if (::sigaction(number, &wanted, nullptr) != 0) {
        return false;
    }
    capture.number.store(number, std::memory_order_relaxed);
    return true;
}

void end_broken_walk() noexcept {
    if (capture.walker.load(std::memory_order_relaxed) == static_cast<pid_t>(this_thread_id())) {
        ::siglongjmp(capture.end_of_walk, 1);
    }
}

}  // namespace portico::base
