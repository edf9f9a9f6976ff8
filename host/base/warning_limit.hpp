// At most one warning of a kind in ten seconds: a flood of clients must not become a flood of
// lines. Warnings that were not written are counted, and the next one says how many there were.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace portico::base {

// From any thread. The two members are hints (relaxed): if two threads warn at the same moment, a
// count may go with the other's line.
class WarningLimit {
public:
    static constexpr std::uint64_t interval_ns = 10 * nanoseconds_per_second;

    // True if a line may be written at `now_ns`. If so, `unwritten` is how many were not written
    // since the last one.
    [[nodiscard]] bool admits(std::uint64_t now_ns, std::uint64_t& unwritten) noexcept {
        std::uint64_t next = next_ns_.load(std::memory_order_relaxed);
        if (now_ns < next || !next_ns_.compare_exchange_strong(next, now_ns + interval_ns,
                                                               std::memory_order_relaxed)) {
            unwritten_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        unwritten = unwritten_.exchange(0, std::memory_order_relaxed);
        return true;
    }

    // The end of the line, which mentions them; "" if there are none.
    [[nodiscard]] static std::string mention(std::uint64_t unwritten) {
        return unwritten == 0 ? ""
                              : " (and " + std::to_string(unwritten) +
                                    " more like this since the last such line)";
    }

private:
    std::atomic<std::uint64_t> next_ns_{0};
    std::atomic<std::uint64_t> unwritten_{0};
};

}  // namespace portico::base
