// The numbers of one series of a metric. Each worker counts for itself, and a reader adds up.
//
// A word is a double, or a count: of a histogram's bucket. A double that only gets integers is
// exact up to 2^53.
//
// A series has a row of words for each worker, and the shared row for all other threads. Only the
// worker's own thread writes its row, so it adds by a load and a store, without a locked operation.
// In the shared row every addition is one atomic step, so none is lost there either.
//
// Words are relaxed: nothing else depends on them. What a reader may rely on follows from each
// word alone. It is never torn, and a thread that has seen a value never sees an older one
// (coherence), nor does a thread that synchronised with it. So a counter never goes back: it is the
// sum of words that only grow, added in the same order each time, and rounding keeps the order of
// what it rounds.
//
// A gauge is the sum of all that was added, in word 0, plus a base, in word 1 of the shared row. A
// set stores the base that gives the wanted value together with the additions that it has seen. An
// addition that came before the set is in what it has seen, and one that comes after is not. One
// that another thread makes meanwhile counts before or after the set, but once. The base is stored
// with release, and a reader loads it with acquire, before the words: so it sees at least the
// additions that this set has counted, and never a value that lacks them. If two sets run at once,
// the one that stores last wins.
//
// `Atomic` is std::atomic, except in tests that switch threads at every access.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace portico::plugin {

template <template <class> class Atomic>
class BasicMetricCells {
public:
    using Word = Atomic<std::uint64_t>;

    // In place of a worker's number: a thread that is none of the workers.
    static constexpr std::uint32_t no_worker = UINT32_MAX;
    static constexpr std::uint32_t gauge_words = 2;

    // The rows begin at `first` and are `stride` words apart; the shared one comes last.
    BasicMetricCells(Word* first, std::uint32_t stride, std::uint32_t workers) noexcept
        : first_(first), stride_(stride), workers_(workers) {}

    // `worker` is the calling thread's number. Any number from `workers` on means another thread.
    void add(std::uint32_t worker, std::uint32_t word, double amount) noexcept {
        if (worker < workers_) [[likely]] {
            Word& own = at(worker, word);
            own.store(with(own.load(std::memory_order_relaxed), amount), std::memory_order_relaxed);
        } else {
            add_shared(word, amount);
        }
    }

    [[nodiscard]] double sum(std::uint32_t word) const noexcept {
        double total = 0;
        for (std::uint32_t row = 0; row <= workers_; ++row) {
            total += std::bit_cast<double>(at(row, word).load(std::memory_order_relaxed));
        }
        return total;
    }

    // The same for a word that is a count: one more.
    void count(std::uint32_t worker, std::uint32_t word) noexcept {
        if (worker < workers_) [[likely]] {
            Word& own = at(worker, word);
            own.store(own.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        } else {
            count_shared(word);
        }
    }

    [[nodiscard]] std::uint64_t counted(std::uint32_t word) const noexcept {
        std::uint64_t total = 0;
        for (std::uint32_t row = 0; row <= workers_; ++row) {
            total += at(row, word).load(std::memory_order_relaxed);
        }
        return total;
    }

    // Of a gauge.
    void set(double value) noexcept {
        const double base = value - sum(0);
        at(workers_, 1).store(std::bit_cast<std::uint64_t>(base), std::memory_order_release);
    }

    [[nodiscard]] double gauge() const noexcept {
        const std::uint64_t base = at(workers_, 1).load(std::memory_order_acquire);
        return std::bit_cast<double>(base) + sum(0);
    }

private:
    [[nodiscard]] Word& at(std::uint32_t row, std::uint32_t word) const noexcept {
        return first_[std::size_t{row} * stride_ + word];
    }
    [[nodiscard]] static std::uint64_t with(std::uint64_t bits, double amount) noexcept {
        return std::bit_cast<std::uint64_t>(std::bit_cast<double>(bits) + amount);
    }
    void count_shared(std::uint32_t word) noexcept {
        at(workers_, word).fetch_add(1, std::memory_order_relaxed);
    }
    void add_shared(std::uint32_t word, double amount) noexcept {
        Word& shared = at(workers_, word);
        std::uint64_t bits = shared.load(std::memory_order_relaxed);
        while (!shared.compare_exchange_weak(bits, with(bits, amount), std::memory_order_relaxed,
                                             std::memory_order_relaxed)) {
        }
    }

    Word* const first_;
    const std::uint32_t stride_;
    const std::uint32_t workers_;
};

using MetricCells = BasicMetricCells<std::atomic>;

}  // namespace portico::plugin
