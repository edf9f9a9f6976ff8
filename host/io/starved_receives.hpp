// The receives of a port that found the buffer pool empty and wait for a buffer, oldest first.
//
// Changed under the port's lock, if it has several threads; size() is a hint for anyone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/intrusive.hpp"
#include "io/operation.hpp"

namespace portico::io {

class StarvedReceives {
public:
    // The longest wait while receives are starved: another port that shares the pool may give a
    // buffer back, and cannot wake this one.
    static constexpr std::uint64_t wait_max_ns = 10 * base::nanoseconds_per_millisecond;

    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    void push_back(ReceiveOperation& operation) noexcept {
        list_.push_back(operation);
        set_size(size() + 1);
    }
    // Null if there is none.
    [[nodiscard]] ReceiveOperation* pop_front() noexcept {
        Operation* first = list_.pop_front();
        if (first != nullptr) {
            set_size(size() - 1);
        }
        return static_cast<ReceiveOperation*>(first);
    }
    // False if it is not starved.
    [[nodiscard]] bool remove(Operation& operation) noexcept {
        if (!list_.remove(operation)) {
            return false;
        }
        set_size(size() - 1);
        return true;
    }

private:
    void set_size(std::size_t size) noexcept { size_.store(size, std::memory_order_relaxed); }

    base::Fifo<Operation> list_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace portico::io
