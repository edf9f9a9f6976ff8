#include "sim/baton.hpp"

namespace portico::sim {

void Baton::pass() noexcept {
    word_.store(1, std::memory_order_release);
    word_.notify_one();
}

void Baton::take() noexcept {
    while (word_.load(std::memory_order_acquire) == 0) {
        word_.wait(0, std::memory_order_acquire);
    }
    word_.store(0, std::memory_order_relaxed);
}

}  // namespace portico::sim
