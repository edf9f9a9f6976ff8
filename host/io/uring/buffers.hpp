// Buffers of the pool that lie ready for the kernel: a provided buffer ring. A receive names the
// ring and no buffer, and the kernel takes the oldest one when data is there. So a connection that
// waits owns none, and the ring needs no more of them than receives can complete at once.
//
// Ownership. A buffer in the ring is taken from the pool and set aside: it does not count as in
// use. When a completion names it, claim() puts it in use, and from then on it is like any other:
// its user gives it back to the pool, and fill() takes one from there again.
#pragma once

#include <liburing.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "io/buffer_pool.hpp"

namespace portico::io {

class UringBuffers {
public:
    static constexpr int group = 0;  // the ring's only buffer group

    // `ready_max`: the most that may lie ready; rounded up to a power of two, as the kernel wants
    // it.
    UringBuffers(BufferPool& pool, std::uint32_t ready_max);
    // The io_uring must be closed before: then the kernel takes no buffer any more, and they go
    // back to the pool.
    ~UringBuffers();
    UringBuffers(const UringBuffers&) = delete;
    UringBuffers& operator=(const UringBuffers&) = delete;

    // 0, or an errno negated.
    [[nodiscard]] int join(io_uring& ring) noexcept;

    // Makes `wanted` buffers ready, or as many as there can be.
    void fill(std::uint32_t wanted) noexcept;

    // The same for at most `wanted`, depending on recent use. The kernel takes the oldest buffer,
    // so all ready buffers go round: the fewer there are, the more often the processor's caches
    // still hold the next one, and the less memory is ever touched.
    void keep_ready(std::uint32_t wanted) noexcept;
    // A receive has found none.
    void ran_out() noexcept { grow(); }

    // The buffer that a completion names is in use now.
    [[nodiscard]] Buffer claim(std::uint16_t id) noexcept;

    [[nodiscard]] std::uint32_t ready() const noexcept { return ready_; }

private:
    void grow() noexcept { target_ = std::min(2 * target_, entries_); }

    struct Free {
        void operator()(io_uring_buf_ring* memory) const noexcept { std::free(memory); }
    };

    BufferPool& pool_;
    const std::uint32_t entries_;
    // shared with the kernel: it reads what lies before the tail
    std::unique_ptr<io_uring_buf_ring, Free> ring_;
    std::vector<Buffer> buffers_;  // by id; data is null if the id is free
    std::vector<std::uint16_t> free_ids_;
    std::uint32_t ready_ = 0;
    // For keep_ready: the most that it makes ready; the number used since its last call; the
    // largest such number of the last rounds, and the number of these rounds.
    static constexpr std::uint32_t rounds_watched = 1'024;
    const std::uint32_t target_min_;
    std::uint32_t target_ = target_min_;
    std::uint32_t used_ = 0;
    std::uint32_t used_most_ = 0;
    std::uint32_t rounds_ = 0;
};

}  // namespace portico::io
