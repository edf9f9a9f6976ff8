// Observers, which see more of a run than its totals, and the guard that stands between them and
// the threads of the run.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>

#include "messages/finding.hpp"

namespace portico::client {

// The progress of a run, over all threads; at most a tenth of a second old.
struct Progress {
    std::uint64_t connections_opened = 0;
    std::uint64_t received = 0;
    // how many of each Finding::Kind
    std::array<std::uint64_t, finding_kinds> findings{};
    std::uint64_t sending_ns = 0;  // since the first message; 0 before that
    // Over the last quarter of a second or so, within 3 %; the highest of all threads. 0 if no
    // reply came.
    std::uint64_t latency_p50_ns = 0;
    std::uint64_t latency_p99_ns = 0;
};

// Called by one thread at a time, not always the same one. If a function throws, the run ends, and
// run_load rethrows it.
class Observer {
public:
    virtual ~Observer() = default;
    // Return true to get calls of reply(), which cost something for every reply. Asked once.
    [[nodiscard]] virtual bool wants_replies() const noexcept { return false; }
    // Something was wrong with the replies.
    virtual void finding(const Finding&) {}
    // Part of a reply, including its framing; `complete` with its last part.
    virtual void reply(std::uint32_t /*connection*/, std::span<const std::byte>,
                       bool /*complete*/) {}
    // Ten times a second or so.
    virtual void tick(const Progress&, std::uint64_t /*now_ns*/) {}
};

// An observer as the threads of a run see it. Its functions do not throw, because they are called
// in the middle of handling a completion, which must be finished. They keep the first exception,
// and from then on do nothing.
class GuardedObserver {
public:
    explicit GuardedObserver(Observer& observer) noexcept
        : observer_(observer), wants_replies_(observer.wants_replies()) {}

    void finding(const Finding& finding) noexcept {
        guarded([&] { observer_.finding(finding); });
    }
    void reply(std::uint32_t connection, std::span<const std::byte> part, bool complete) noexcept {
        if (wants_replies_) {
            guarded([&] { observer_.reply(connection, part, complete); });
        }
    }
    void tick(const Progress& progress, std::uint64_t now_ns) noexcept {
        guarded([&] { observer_.tick(progress, now_ns); });
    }

    // If true, the run must end.
    [[nodiscard]] bool has_thrown() const noexcept {
        return has_thrown_.load(std::memory_order_relaxed);
    }
    // Call it at the end, when no other thread is left. Rethrows the kept exception, if any.
    void rethrow() const {
        if (thrown_ != nullptr) {
            std::rethrow_exception(thrown_);
        }
    }

private:
    template <class Call>
    void guarded(Call&& call) noexcept {
        const std::scoped_lock lock(mutex_);
        if (thrown_ != nullptr) {
            return;
        }
        try {
            call();
        } catch (...) {
            thrown_ = std::current_exception();
            has_thrown_.store(true, std::memory_order_relaxed);
        }
    }

    Observer& observer_;
    const bool wants_replies_;
    std::mutex mutex_;
    std::exception_ptr thrown_;  // guarded
    std::atomic<bool> has_thrown_{false};
};

}  // namespace portico::client
