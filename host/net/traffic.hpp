// What the connections of one listener, or of one upstream, have moved. Each worker counts in a row
// of its own, and a reader adds the rows up. So counting takes no lock and no locked operation, and
// a reader holds up no worker.
//
// Concurrency. A Tally has one writer, or several that take turns (a mutex, or a strand that goes
// from worker to worker). Any thread reads. All is relaxed: nothing depends on the order of two
// tallies. What a reader may rely on follows from each tally alone: it is never torn, and readers
// who take turns never see one of them go back. So a sum of tallies that only grow never goes back
// either.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "net/close_reason.hpp"

namespace portico::net {

class Worker;
class WorkerGroup;

class Tally {
public:
    // By the writer. `amount` may be negative, modulo 2^64.
    void add(std::uint64_t amount) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t load() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint64_t> value_{0};
};

// Why somebody did not become a connection, or was refused as one.
enum class Refusal : std::uint8_t {
    plugin,     // on_open answered an error
    no_memory,  // there was none for one more
    stopping,   // accepting had ended
    limit,      // of an upstream, or of its kind
};
inline constexpr std::size_t refusals = 4;

// What one worker has counted. The first four change with every message and share a cache line,
// which no other worker writes to.
struct alignas(64) TrafficRow {
    Tally received_bytes;
    Tally sent_bytes;    // taken by the system
    Tally messages;      // taken by the protocol
    Tally queued_bytes;  // in send queues at the end of the last turns; one row may be below 0
    Tally unsent_bytes;
    std::array<Tally, close_reasons> closed;
    std::array<Tally, refusals> refused;

    void count_close(CloseReason reason) noexcept {
        closed[static_cast<std::size_t>(reason)].add(1);
    }
    void count_refusal(Refusal why) noexcept { refused[static_cast<std::size_t>(why)].add(1); }
};

// The sum of the rows.
struct TrafficTotals {
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t messages = 0;
    std::uint64_t queued_bytes = 0;
    std::uint64_t unsent_bytes = 0;
    std::array<std::uint64_t, close_reasons> closed{};
    std::array<std::uint64_t, refusals> refused{};

    [[nodiscard]] std::uint64_t closed_in_all() const noexcept;
};

class Traffic {
public:
    // `homes`: the groups whose workers count here. They outlive this.
    explicit Traffic(const std::vector<WorkerGroup*>& homes);
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    // The row of the first worker of `home`, which is one of the homes.
    [[nodiscard]] TrafficRow& row_of(const WorkerGroup& home) noexcept;
    [[nodiscard]] TrafficRow& row_of(const Worker& worker) noexcept;
    // For those who open connections: under a mutex of theirs.
    [[nodiscard]] TrafficRow& opener_row() noexcept { return rows_[row_count_ - 1]; }

    // From any thread.
    [[nodiscard]] TrafficTotals read() const noexcept;

private:
    struct Home {
        const WorkerGroup* group = nullptr;
        std::size_t first_row = 0;
    };
    std::vector<Home> homes_;
    std::size_t row_count_ = 1;
    std::unique_ptr<TrafficRow[]> rows_;
};

}  // namespace portico::net
