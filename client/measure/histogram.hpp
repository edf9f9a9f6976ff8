// Latencies in bounded memory: any percentile is known within 0.8 %, however many values there were
// (log_linear.hpp, 64 buckets for each power of two).
#pragma once

#include <array>
#include <cstdint>

#include "measure/log_linear.hpp"

namespace portico::client {

class Histogram {
public:
    void record(std::uint64_t value, std::uint64_t times = 1) noexcept {
        counts_[log_linear::bucket_of<linear_bits>(value)] += times;
        count_ += times;
        sum_ += value * times;
        max_ = std::max(max_, value);
    }
    // Adds everything that another one has recorded.
    void add(const Histogram& other) noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }  // exact
    [[nodiscard]] double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    // See log_linear::percentile.
    [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

    // visit(middle, count) for each bucket that holds something, by rising value.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            if (counts_[bucket] != 0) {
                visit(std::min(log_linear::middle_of<linear_bits>(bucket), max_), counts_[bucket]);
            }
        }
    }

private:
    static constexpr unsigned linear_bits = 6;

    std::array<std::uint64_t, log_linear::buckets<linear_bits>> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace portico::client
