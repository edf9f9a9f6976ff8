#include "histogram.hpp"

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

}  // namespace portico::client
