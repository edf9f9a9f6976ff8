// A lock for a few loads and stores: one byte, and one atomic step if nobody else holds it.
//
// Its holder never blocks and calls nothing that may, so a thread that finds it held tries again
// soon. If the holder has lost its processor, the others give theirs away meanwhile.
//
// Pairing: the release of unlock() pairs with the acquire of the try_lock() that succeeds next.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <thread>

namespace portico::net {

template <template <class> class Atomic>
class BasicBriefLock {
public:
    [[nodiscard]] bool try_lock() noexcept {
        return !held_.exchange(true, std::memory_order_acquire);
    }
    // Calls pause() after each try that fails.
    template <class Pause>
    void lock(Pause&& pause) noexcept {
        while (!try_lock()) {
            // Looks before it tries again: many that only try would hold up the holder's unlock.
            do {
                pause();
            } while (held_.load(std::memory_order_relaxed));
        }
    }
    void lock() noexcept {
        if (!try_lock()) [[unlikely]] {
            lock([] { std::this_thread::yield(); });
        }
    }
    void unlock() noexcept { held_.store(false, std::memory_order_release); }

private:
    Atomic<bool> held_{false};
};

using BriefLock = BasicBriefLock<std::atomic>;

}  // namespace portico::net
