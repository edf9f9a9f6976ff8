// How many callbacks of one listener the watchdog has reported, by the callback: for the metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "plugin/callback_names.hpp"

namespace portico {

// Concurrency: the watchdog's thread counts, any thread reads, relaxed: a count orders nothing.
class StuckCounts {
public:
    // `callback`: one of callback_names; any other one is not counted.
    void count(const char* callback) noexcept {
        const std::size_t index = plugin::callback_index(callback);
        if (index < counts_.size()) {
            counts_[index].fetch_add(1, std::memory_order_relaxed);
        }
    }
    // `index`: in callback_names.
    [[nodiscard]] std::uint64_t read(std::size_t index) const noexcept {
        return counts_[index].load(std::memory_order_relaxed);
    }

private:
    std::array<std::atomic<std::uint64_t>, plugin::callback_names.size()> counts_{};
};

}  // namespace portico
