// Counts and latencies over time, in slots of equal length from the first message on. Memory is
// bounded however long a run is: when all slots are used, each pair becomes one, and slots are
// twice as long from then on.
//
// A slot's latencies are kept in 16 buckets for each power of two, so its percentiles are right
// within 3 %. The percentiles of the whole run come from Histogram.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "measure/log_linear.hpp"

namespace portico::client {

class TimeSeries {
public:
    static constexpr std::size_t slots_max = 256;
    static constexpr std::uint64_t first_slot_ns = base::nanoseconds_per_second / 4;

    class Slot {
    public:
        std::uint64_t received = 0;
        std::uint64_t bytes_received = 0;
        // replies that were wrong, lost or out of place, and connections that failed or broke
        std::uint64_t failed = 0;
        std::uint64_t latency_max_ns = 0;

        void record_latency(std::uint64_t latency_ns) noexcept;
        void add(const Slot& other) noexcept;
        // Like Histogram::percentile, but within 3 %. Returns 0 if nothing was recorded.
        [[nodiscard]] std::uint64_t latency_ns(double percent) const noexcept;

    private:
        static constexpr unsigned linear_bits = 4;

        std::array<std::uint32_t, log_linear::buckets<linear_bits>> counts_{};
    };

    // Call it first. It allocates; the other functions do not.
    void begin(std::uint64_t began_ns);

    // Each counts in the slot of `now_ns`, which never goes back by more than a slot.
    void reply(std::uint64_t now_ns, std::uint64_t latency_ns) noexcept {
        if (Slot* slot = slot_of(now_ns)) {
            ++slot->received;
            slot->record_latency(latency_ns);
        }
    }
    void bytes(std::uint64_t now_ns, std::uint64_t count) noexcept {
        if (Slot* slot = slot_of(now_ns)) {
            slot->bytes_received += count;
        }
    }
    void failure(std::uint64_t now_ns) noexcept {
        if (Slot* slot = slot_of(now_ns)) {
            ++slot->failed;
        }
    }

    // Adds another thread's series, which began at the same instant.
    void add(const TimeSeries& other);

    [[nodiscard]] std::uint64_t slot_ns() const noexcept { return slot_ns_; }
    [[nodiscard]] std::span<const Slot> slots() const noexcept { return slots_; }

private:
    [[nodiscard]] Slot* slot_of(std::uint64_t now_ns) noexcept {
        return now_ns - slot_began_ns_ < slot_ns_ && !slots_.empty() ? &slots_.back()
                                                                     : other_slot_of(now_ns);
    }
    [[nodiscard]] Slot* other_slot_of(std::uint64_t now_ns) noexcept;
    // Joins each two slots.
    void halve() noexcept;

    std::vector<Slot> slots_;  // has room for all
    std::uint64_t began_ns_ = 0;
    std::uint64_t slot_ns_ = first_slot_ns;
    std::uint64_t slot_began_ns_ = UINT64_MAX;  // the last slot
};

}  // namespace portico::client
