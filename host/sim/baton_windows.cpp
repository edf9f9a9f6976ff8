// As in baton_posix.cpp. The wait of std::atomic is no choice here: in GCC's library for MinGW a
// notice is lost that comes between its last look at the word and its sleep (seen with GCC 12).
#include <windows.h>

#include "sim/baton.hpp"

namespace portico::sim {

void Baton::pass() noexcept {
    word_.store(1, std::memory_order_release);
    ::WakeByAddressSingle(&word_);
}

void Baton::take() noexcept {
    std::uint32_t not_passed = 0;
    static_assert(sizeof word_ == sizeof not_passed);
    while (word_.load(std::memory_order_acquire) == not_passed) {
        ::WaitOnAddress(&word_, &not_passed, sizeof not_passed, INFINITE);
    }
    word_.store(0, std::memory_order_relaxed);
}

}  // namespace portico::sim
