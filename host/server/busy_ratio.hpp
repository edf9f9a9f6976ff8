// The share of time that a worker was busy, from the processor time that its thread has used. A
// worker that waits at its port, or sleeps in a callback, uses none.
//
// The ratio is that of the last second, or of the time since the read before, if that was longer
// ago. So several readers do not shorten each other's time until it means nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace portico {

class BusyRatio {
public:
    explicit BusyRatio(std::uint64_t begun_ns) noexcept : since_ns_(begun_ns) {}

    // `now_ns`: of base::now_ns(). `used_ns`: the processor time of the thread until now.
    [[nodiscard]] double at(std::uint64_t now_ns, std::uint64_t used_ns) noexcept {
        const std::uint64_t passed = now_ns - std::min(now_ns, since_ns_);
        if (passed >= window_ns || (!is_known_ && passed != 0)) {
            const std::uint64_t used = used_ns - std::min(used_ns, used_before_ns_);
            ratio_ = std::min(1.0, static_cast<double>(used) / static_cast<double>(passed));
        }
        if (passed >= window_ns) {
            is_known_ = true;
            since_ns_ = now_ns;
            used_before_ns_ = used_ns;
        }
        return ratio_;
    }

private:
    static constexpr std::uint64_t window_ns = base::nanoseconds_per_second;

    std::uint64_t since_ns_;
    std::uint64_t used_before_ns_ = 0;
    double ratio_ = 0;
    bool is_known_ = false;  // a whole window has passed
};

}  // namespace portico
