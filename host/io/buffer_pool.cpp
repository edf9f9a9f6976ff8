#include "io/buffer_pool.hpp"

#include <algorithm>
#include <new>

#include "base/assert.hpp"

namespace portico::io {

namespace {

constexpr std::size_t aligned(std::size_t bytes) noexcept {
    return (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) *
           alignof(std::max_align_t);
}

}  // namespace

BufferPool::BufferPool(std::uint32_t buffer_bytes, std::uint32_t buffers_max, Use use,
                       std::uint32_t headroom_bytes)
    : buffer_bytes_(buffer_bytes),
      headroom_bytes_(headroom_bytes),
      stride_(aligned(headroom_bytes + std::size_t{buffer_bytes})),
      buffers_max_(buffers_max),
      slabs_max_((buffers_max + slab_buffers - 1) / slab_buffers),
      use_(use),
      free_(buffers_max),
      slabs_(std::make_unique<std::atomic<std::byte*>[]>(slabs_max_)) {
    PORTICO_ASSERT(headroom_bytes % alignof(std::max_align_t) == 0 && buffer_bytes > 0 &&
                   buffers_max > 0 && buffers_max <= (1U << 24));
}

BufferPool::~BufferPool() {
    PORTICO_ASSERT(in_use() == 0);
    for (std::uint32_t slab = 0; slab < slabs_made_; ++slab) {
        ::operator delete (slabs_[slab].load(std::memory_order_relaxed), std::align_val_t{64});
    }
}

bool BufferPool::grow() noexcept {
    const std::scoped_lock lock(growing_);
    if (!free_.empty()) {
        return true;  // another thread grew the pool, or gave a buffer back
    }
    if (slabs_made_ == slabs_max_) {
        return false;
    }
    const std::uint32_t first = slabs_made_ * slab_buffers;
    const std::uint32_t count = std::min(slab_buffers, buffers_max_ - first);
    auto* slab = static_cast<std::byte*>(
        ::operator new (count* stride_, std::align_val_t{64}, std::nothrow));
    if (slab == nullptr) {
        return false;
    }
    slabs_[slabs_made_].store(slab, std::memory_order_release);
    ++slabs_made_;
    for (std::uint32_t i = count; i-- > 0;) {
        free_.push(first + i);
    }
    return true;
}

Buffer BufferPool::take_shared() noexcept {
    const std::uint32_t index = free_.pop();
    if (index == IndexStack::none) {
        return take_grown();
    }
    claim();
    return {at(index), index};
}

void BufferPool::give_back_shared(std::uint32_t index) noexcept {
    set_aside();
    free_.push(index);
}

Buffer BufferPool::take_grown() noexcept {
    while (grow()) {
        const std::uint32_t index = use_ == Use::single ? free_.pop_alone() : free_.pop();
        if (index != IndexStack::none) {  // else other threads were faster
            claim();
            return {at(index), index};
        }
    }
    return {};
}

}  // namespace portico::io
