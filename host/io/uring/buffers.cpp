#include "io/uring/buffers.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/assert.hpp"

namespace portico::io {

UringBuffers::UringBuffers(BufferPool& pool, std::uint32_t ready_max)
    : pool_(pool), entries_(std::bit_ceil(ready_max)), target_min_(std::min(entries_, 8U)) {
    PORTICO_ASSERT(entries_ >= 1 && entries_ <= 1U << 15);
    // the kernel requires this alignment of the ring
    const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (entries_ * sizeof(io_uring_buf) + page_bytes - 1) / page_bytes *
                              page_bytes;
    ring_.reset(static_cast<io_uring_buf_ring*>(std::aligned_alloc(page_bytes, bytes)));
    if (ring_ == nullptr) {
        throw std::bad_alloc();
    }
    io_uring_buf_ring_init(ring_.get());
    buffers_.resize(entries_);
    free_ids_.reserve(entries_);
    for (std::uint32_t id = entries_; id-- > 0;) {
        free_ids_.push_back(static_cast<std::uint16_t>(id));
    }
}

UringBuffers::~UringBuffers() {
    for (const Buffer& buffer : buffers_) {
        if (buffer.data != nullptr) {
            pool_.claim();
            pool_.give_back(buffer);
        }
    }
}

int UringBuffers::join(io_uring& ring) noexcept {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_.get());
    registration.ring_entries = entries_;
    registration.bgid = group;
    return io_uring_register_buf_ring(&ring, &registration, 0);
}

void UringBuffers::fill(std::uint32_t wanted) noexcept {
    wanted = std::min(wanted, entries_);
    int added = 0;
    while (ready_ < wanted) {
        const Buffer buffer = pool_.take();
        if (buffer.data == nullptr) {
            break;
        }
        pool_.set_aside();
        const std::uint16_t id = free_ids_.back();
        free_ids_.pop_back();
        buffers_[id] = buffer;
        io_uring_buf_ring_add(ring_.get(), buffer.data, pool_.buffer_bytes(), id,
                              io_uring_buf_ring_mask(entries_), added);
        ++added;
        ++ready_;
    }
    if (added != 0) {
        io_uring_buf_ring_advance(ring_.get(), added);
    }
}

void UringBuffers::keep_ready(std::uint32_t wanted) noexcept {
    used_most_ = std::max(used_most_, used_);
    if (used_ > target_ / 2) {
        grow();
    } else if (++rounds_ >= rounds_watched) {
        // Four times the most that was used, so that a load that doubles does not run out.
        target_ = std::clamp(std::bit_ceil(4 * used_most_), target_min_, entries_);
        used_most_ = 0;
        rounds_ = 0;
    }
    used_ = 0;
    fill(std::min(wanted, target_));
}

Buffer UringBuffers::claim(std::uint16_t id) noexcept {
    PORTICO_ASSERT(id < entries_ && buffers_[id].data != nullptr);
    free_ids_.push_back(id);
    --ready_;
    ++used_;
    pool_.claim();
    return std::exchange(buffers_[id], {});
}

}  // namespace portico::io
