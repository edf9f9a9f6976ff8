// Posts whose packet the system refused because memory was out: they wait here, oldest first, and
// are tried again. From any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "base/intrusive.hpp"
#include "io/operation.hpp"

namespace portico::io::iocp {

class LatePosts {
public:
    // If this is true a post may go the usual way, past this list. (A thread sees at least its own
    // changes of the count, so its posts stay in order. Posts of different threads have no order.)
    [[nodiscard]] bool empty() const noexcept {
        return count_.load(std::memory_order_relaxed) == 0;
    }

    void add(Operation& operation) noexcept {
        const std::scoped_lock lock(mutex_);
        posts_.push_back(operation);
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    // Tries the posts again, until `queue` returns false for one.
    template <class Queue>
    void retry(Queue&& queue) noexcept {
        const std::scoped_lock lock(mutex_);
        for (;;) {
            if (first_ == nullptr) {
                first_ = posts_.pop_front();
            }
            if (first_ == nullptr || !queue(*first_)) {
                return;
            }
            first_ = nullptr;
            count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        }
    }

private:
    std::mutex mutex_;
    base::Fifo<Operation> posts_;  // under mutex_, as the next
    // the oldest: on no list, so that it can be queued and forgotten
    Operation* first_ = nullptr;
    std::atomic<std::size_t> count_{0};  // of both; changed under mutex_
};

}  // namespace portico::io::iocp
