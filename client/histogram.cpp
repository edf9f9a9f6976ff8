#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace portico::client {

std::size_t Histogram::bucket_of(std::uint64_t value) noexcept {
    if (value < 2 * half) {
        return static_cast<std::size_t>(value);
    }
    // The leading bit and the linear_bits behind it.
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - (linear_bits + 1);
    return shift * half + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::middle_of(std::size_t bucket) noexcept {
    if (bucket < 2 * half) {
        return bucket;
    }
    const auto shift = static_cast<unsigned>(bucket / half) - 1;
    const std::uint64_t first = (bucket % half + half) << shift;
    return first + (std::uint64_t{1} << shift) / 2;
}

void Histogram::record(std::uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    ++count_;
    max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) noexcept {
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        counts_[bucket] += other.counts_[bucket];
    }
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const noexcept {
    if (count_ == 0) {
        return 0;
    }
    const double wanted = std::ceil(percent / 100.0 * static_cast<double>(count_));
    const std::uint64_t place = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        seen += counts_[bucket];
        if (seen >= place) {
            return std::min(middle_of(bucket), max_);
        }
    }
    return max_;
}

}  // namespace portico::client
