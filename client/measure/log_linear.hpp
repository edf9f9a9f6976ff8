// Buckets whose width grows with the value: every power of two is cut into 2^Bits equal buckets,
// and each value below 2^(Bits + 1) has its own (log-linear, as in HdrHistogram). A bucket stands
// for its middle, so a result is off by at most 2^-(Bits + 1) of its value. (Debian has no
// header-only library of this kind.)
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace portico::client::log_linear {

template <unsigned Bits>
inline constexpr std::size_t buckets = (64 - Bits + 1) * (std::size_t{1} << Bits);

template <unsigned Bits>
[[nodiscard]] constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    constexpr std::size_t half = std::size_t{1} << Bits;
    if (value < 2 * half) {
        return static_cast<std::size_t>(value);
    }
    // The leading bit and the Bits after it.
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - (Bits + 1);
    return shift * half + static_cast<std::size_t>(value >> shift);
}

template <unsigned Bits>
[[nodiscard]] constexpr std::uint64_t first_of(std::size_t bucket) noexcept {
    constexpr std::size_t half = std::size_t{1} << Bits;
    if (bucket < 2 * half) {
        return bucket;
    }
    return (bucket % half + half) << (bucket / half - 1);
}

template <unsigned Bits>
[[nodiscard]] constexpr std::uint64_t middle_of(std::size_t bucket) noexcept {
    constexpr std::size_t half = std::size_t{1} << Bits;
    return first_of<Bits>(bucket) +
           (bucket < 2 * half ? 0 : (std::uint64_t{1} << (bucket / half - 1)) / 2);
}

// The value that `percent` (0 to 100) of `count` recorded values do not exceed. In sorted order it
// is the one at place ceil(percent / 100 * count), or the first if that is 0. Returns 0 if nothing
// was recorded.
template <unsigned Bits, class Count>
[[nodiscard]] std::uint64_t percentile(std::span<const Count> counts, std::uint64_t count,
                                       std::uint64_t max, double percent) noexcept {
    if (count == 0) {
        return 0;
    }
    const double wanted = std::ceil(percent / 100.0 * static_cast<double>(count));
    const std::uint64_t place = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1,
                                                          count);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
        seen += counts[bucket];
        if (seen >= place) {
            return std::min(middle_of<Bits>(bucket), max);
        }
    }
    return max;
}

}  // namespace portico::client::log_linear
