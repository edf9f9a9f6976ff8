// A futex of its own. The standard library's wait would spin and yield first, and the tests'
// programs simulate the yield.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/baton.hpp"

namespace portico::sim {

namespace {

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
    static_assert(sizeof word == sizeof value);
    ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void Baton::pass() noexcept {
    word_.store(1, std::memory_order_release);
    futex(word_, FUTEX_WAKE, 1);
}

void Baton::take() noexcept {
    while (word_.load(std::memory_order_acquire) == 0) {
        futex(word_, FUTEX_WAIT, 0);
    }
    word_.store(0, std::memory_order_relaxed);
}

}  // namespace portico::sim
