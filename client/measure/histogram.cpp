#include "measure/histogram.hpp"

#include <algorithm>

namespace portico::client {

void Histogram::add(const Histogram& other) noexcept {
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
        counts_[bucket] += other.counts_[bucket];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const noexcept {
    return log_linear::percentile<linear_bits, std::uint64_t>(counts_, count_, max_, percent);
}

}  // namespace portico::client
