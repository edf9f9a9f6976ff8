// A number that one thread at a time writes and any thread reads.
#pragma once

#include <atomic>

namespace portico::base {

template <class Number>
class Published {
public:
    // For the writer, who sees its own value: relaxed. The stores are release and pair with read():
    // whoever reads a value also sees what the writer did before.
    operator Number() const noexcept { return number_.load(std::memory_order_relaxed); }
    Published& operator=(Number number) noexcept {
        number_.store(number, std::memory_order_release);
        return *this;
    }
    Published& operator+=(Number more) noexcept {
        return *this = number_.load(std::memory_order_relaxed) + more;
    }

    // [any thread]
    [[nodiscard]] Number read() const noexcept { return number_.load(std::memory_order_acquire); }

private:
    std::atomic<Number> number_{};
};

}  // namespace portico::base
