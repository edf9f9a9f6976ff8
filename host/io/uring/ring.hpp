// One io_uring, as a port uses it: it is opened disabled, enabled by the thread that will use it,
// and entered to submit and to wait.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>

#include "io/uring/features.hpp"

namespace portico::io {

class UringRing {
public:
    struct Completion {
        std::uint64_t user_data = 0;
        int result = 0;  // an errno negated, for a failure
        unsigned flags = 0;

        // False if the request goes on and will complete again.
        [[nodiscard]] bool is_last() const noexcept { return (flags & IORING_CQE_F_MORE) == 0; }
    };

    UringRing() = default;
    ~UringRing() { close(); }
    UringRing(const UringRing&) = delete;
    UringRing& operator=(const UringRing&) = delete;

    // Both return 0 or a negated errno. From enable() on only that thread may use the ring.
    [[nodiscard]] int open(const UringFeatures& features) noexcept;
    [[nodiscard]] int enable() noexcept;
    // No request may be left in it.
    void close() noexcept;

    // An entry to fill in; null while the submission queue is full.
    [[nodiscard]] io_uring_sqe* free_entry() noexcept { return io_uring_get_sqe(&ring_); }
    // The place of an entry, which no other has until the next enter() has handed it over.
    [[nodiscard]] std::size_t place_of(const io_uring_sqe& entry) const noexcept {
        return static_cast<std::size_t>(&entry - ring_.sq.sqes);
    }
    [[nodiscard]] std::size_t places() const noexcept { return ring_.sq.ring_entries; }

    // Submits all entries and waits for a completion, for this time at most (0: does not wait;
    // wait_forever). Returns false if this thread is not the ring's: then nothing has happened.
    [[nodiscard]] bool enter(std::uint64_t for_ns) noexcept;
    // The next completion, if there is one; does not enter the kernel. It stays until pop().
    [[nodiscard]] bool peek(Completion& completion) noexcept;
    // One of the completions(), which stays in the ring; 0 is the next.
    [[nodiscard]] Completion at(std::uint32_t index) const noexcept {
        const io_uring_cqe& its = ring_.cq.cqes[(*ring_.cq.khead + index) & ring_.cq.ring_mask];
        return {its.user_data, its.res, its.flags};
    }
    void pop() noexcept;

    [[nodiscard]] std::uint32_t completions() const noexcept { return io_uring_cq_ready(&ring_); }
    // True if some are left that were there when the last enter() returned. Others may come at any
    // time if work is not deferred.
    [[nodiscard]] bool has_old_completions() const noexcept { return old_completions_ != 0; }
    // Completions that found no room: the kernel keeps them for the next enter().
    [[nodiscard]] bool has_overflow() const noexcept { return io_uring_cq_has_overflow(&ring_); }
    [[nodiscard]] bool has_entries() const noexcept { return io_uring_sq_ready(&ring_) != 0; }

    [[nodiscard]] io_uring& native() noexcept { return ring_; }

private:
    io_uring ring_{};
    unsigned old_completions_ = 0;
    bool is_open_ = false;
};

}  // namespace portico::io
