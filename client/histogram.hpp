// Latencies in bounded memory: counts in buckets whose width grows with the value (log-linear, as HdrHistogram does), so that any
// percentile is known within 1 %, however many values there were.
//
// Every power of two is cut into 64 buckets; values below 128 have one each. A bucket is at most 1/64 of its value wide and stands for its
// middle, so the error is at most 0.8 %. (Debian has no header-only histogram library of this kind.)
#pragma once

#include <array>
#include <cstdint>

namespace portico::client {

class Histogram {
public:
    void record(std::uint64_t value) noexcept;
    // All that another one has recorded.
    void add(const Histogram& other) noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }  // exact

    // The value that `percent` (0 to 100) of the recorded ones do not exceed: of the values in order, the one at place
    // ceil(percent / 100 * count), at least the first. 0 when nothing was recorded.
    [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

private:
    static constexpr unsigned linear_bits = 6;
    static constexpr std::size_t half = std::size_t{1} << linear_bits;
    static constexpr std::size_t buckets = (64 - linear_bits + 1) * half;

    [[nodiscard]] static std::size_t bucket_of(std::uint64_t value) noexcept;
    [[nodiscard]] static std::uint64_t middle_of(std::size_t bucket) noexcept;

    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace portico::client
