#include "measure/time_series.hpp"

#include <algorithm>

namespace portico::client {

void TimeSeries::Slot::record_latency(std::uint64_t latency_ns) noexcept {
    ++counts_[log_linear::bucket_of<linear_bits>(latency_ns)];
    latency_max_ns = std::max(latency_max_ns, latency_ns);
}

void TimeSeries::Slot::add(const Slot& other) noexcept {
    received += other.received;
    bytes_received += other.bytes_received;
    failed += other.failed;
    latency_max_ns = std::max(latency_max_ns, other.latency_max_ns);
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
        counts_[bucket] += other.counts_[bucket];
    }
}

std::uint64_t TimeSeries::Slot::latency_ns(double percent) const noexcept {
    std::uint64_t count = 0;
    for (const std::uint32_t each : counts_) {
        count += each;
    }
    return log_linear::percentile<linear_bits, std::uint32_t>(counts_, count, latency_max_ns,
                                                              percent);
}

void TimeSeries::begin(std::uint64_t began_ns) {
    slots_.reserve(slots_max);
    began_ns_ = began_ns;
    slot_began_ns_ = UINT64_MAX;
}

TimeSeries::Slot* TimeSeries::other_slot_of(std::uint64_t now_ns) noexcept {
    if (slots_.capacity() == 0) {
        return nullptr;
    }
    const std::uint64_t elapsed = now_ns > began_ns_ ? now_ns - began_ns_ : 0;
    while (elapsed / slot_ns_ >= slots_max) {
        halve();
    }
    const auto index = static_cast<std::size_t>(elapsed / slot_ns_);
    while (slots_.size() <= index) {
        slots_.emplace_back();
    }
    slot_began_ns_ = began_ns_ + (slots_.size() - 1) * slot_ns_;
    return &slots_[index];
}

void TimeSeries::halve() noexcept {
    for (std::size_t i = 0; i < slots_.size(); i += 2) {
        if (i != 0) {
            slots_[i / 2] = slots_[i];
        }
        if (i + 1 < slots_.size()) {
            slots_[i / 2].add(slots_[i + 1]);
        }
    }
    slots_.resize((slots_.size() + 1) / 2);
    slot_ns_ *= 2;
}

void TimeSeries::add(const TimeSeries& other) {
    TimeSeries theirs = other;
    while (theirs.slot_ns_ < slot_ns_) {
        theirs.halve();
    }
    while (slot_ns_ < theirs.slot_ns_) {
        halve();
    }
    slots_.resize(std::max(slots_.size(), theirs.slots_.size()));
    for (std::size_t i = 0; i < theirs.slots_.size(); ++i) {
        slots_[i].add(theirs.slots_[i]);
    }
}

}  // namespace portico::client
