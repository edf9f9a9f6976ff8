// Posts on their way to a port: any thread pushes them without a lock, and the thread that waits on
// the port takes them in order (under the port's lock if there are several).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/inbox.hpp"
#include "base/intrusive.hpp"
#include "io/operation.hpp"

namespace portico::io {

class PostQueue {
public:
    // The most calls of poll() in a row that posts alone may fill before one asks the system.
    static constexpr std::uint32_t rounds_max = 8;

    // Returns true for the first post since take(): its poster wakes the port, for those that
    // follow too. The operation may be gone when this returns.
    [[nodiscard]] bool push(PostOperation& operation) noexcept { return inbox_.add(operation); }

    // True if there may be something to take. A hint, for threads that do not hold the lock.
    [[nodiscard]] bool has_any() const noexcept { return !inbox_.empty() || has_rest(); }
    // True if take() left something: no wake announces it any more.
    [[nodiscard]] bool has_rest() const noexcept {
        return has_rest_.load(std::memory_order_relaxed);
    }

    // Takes as many posts as there is room for. The next poster wakes the port again.
    [[nodiscard]] std::size_t take(std::span<Operation*> into) noexcept {
        inbox_.take_all(rest_);
        std::size_t taken = 0;
        while (taken < into.size() && !rest_.empty()) {
            into[taken++] = rest_.pop_front();
        }
        has_rest_.store(!rest_.empty(), std::memory_order_relaxed);
        return taken;
    }

private:
    base::Inbox inbox_;
    base::Fifo<Operation> rest_;  // of the taker: taken and not yet handed out
    std::atomic<bool> has_rest_{false};
};

}  // namespace portico::io
