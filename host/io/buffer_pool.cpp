#include "io/buffer_pool.hpp"

#include <algorithm>
#include <new>

#include "base/assert.hpp"

namespace portico::io {

namespace {

constexpr std::uint64_t with_new_tag(std::uint64_t old_head, std::uint32_t index) noexcept {
    return ((old_head >> 32) + 1) << 32 | index;
}

constexpr std::size_t aligned(std::size_t bytes) noexcept {
    return (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
}

}  // namespace

BufferPool::BufferPool(std::uint32_t buffer_bytes, std::uint32_t buffers_max, Use use)
    : buffer_bytes_(buffer_bytes),
      stride_(aligned(buffer_bytes)),
      buffers_max_(buffers_max),
      slabs_max_((buffers_max + slab_buffers - 1) / slab_buffers),
      use_(use),
      head_(none),
      next_(std::make_unique<std::atomic<std::uint32_t>[]>(buffers_max)),
      slabs_(std::make_unique<std::atomic<std::byte*>[]>(slabs_max_)) {
    PORTICO_ASSERT(buffer_bytes > 0 && buffers_max > 0 && buffers_max <= (1U << 24));
}

BufferPool::~BufferPool() {
    PORTICO_ASSERT(on_loan() == 0);
    for (std::uint32_t slab = 0; slab < slabs_made_; ++slab) {
        ::operator delete(slabs_[slab].load(std::memory_order_relaxed), std::align_val_t{64});
    }
}

std::byte* BufferPool::at(std::uint32_t index) const noexcept {
    std::byte* slab = slabs_[index / slab_buffers].load(std::memory_order_relaxed);
    return slab + (index % slab_buffers) * stride_;
}

void BufferPool::push(std::uint32_t index) noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    do {
        next_[index].store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, with_new_tag(head, index), std::memory_order_release,
                                          std::memory_order_relaxed));
}

bool BufferPool::grow() noexcept {
    const std::scoped_lock lock(growing_);
    if (static_cast<std::uint32_t>(head_.load(std::memory_order_acquire)) != none) {
        return true;  // another thread grew the pool, or gave a buffer back
    }
    if (slabs_made_ == slabs_max_) {
        return false;
    }
    const std::uint32_t first = slabs_made_ * slab_buffers;
    const std::uint32_t count = std::min(slab_buffers, buffers_max_ - first);
    auto* slab = static_cast<std::byte*>(::operator new(count * stride_, std::align_val_t{64}, std::nothrow));
    if (slab == nullptr) {
        return false;
    }
    slabs_[slabs_made_].store(slab, std::memory_order_release);
    ++slabs_made_;
    for (std::uint32_t i = count; i-- > 0;) {
        push(first + i);
    }
    return true;
}

Buffer BufferPool::take_single() noexcept {
    auto index = static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed));
    if (index == none) {
        if (!grow()) {
            return {};
        }
        index = static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed));
    }
    head_.store(next_[index].load(std::memory_order_relaxed), std::memory_order_relaxed);
    on_loan_.store(on_loan() + 1, std::memory_order_relaxed);
    return {at(index), index};
}

Buffer BufferPool::take() noexcept {
    if (use_ == Use::single) {
        return take_single();
    }
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
        const auto index = static_cast<std::uint32_t>(head);
        if (index == none) {
            if (!grow()) {
                return {};
            }
            head = head_.load(std::memory_order_acquire);
            continue;
        }
        // May be stale when another thread pops this index first; the tag then makes the exchange fail.
        const std::uint32_t next = next_[index].load(std::memory_order_relaxed);
        if (head_.compare_exchange_weak(head, with_new_tag(head, next), std::memory_order_acquire,
                                        std::memory_order_acquire)) {
            on_loan_.fetch_add(1, std::memory_order_relaxed);
            return {at(index), index};
        }
    }
}

void BufferPool::give_back(Buffer buffer) noexcept {
    PORTICO_ASSERT(buffer.data != nullptr && buffer.data == at(buffer.index));
    if (use_ == Use::single) {
        PORTICO_ASSERT(on_loan() != 0);
        on_loan_.store(on_loan() - 1, std::memory_order_relaxed);
        next_[buffer.index].store(static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
        head_.store(buffer.index, std::memory_order_relaxed);
        return;
    }
    PORTICO_ASSERT(on_loan_.fetch_sub(1, std::memory_order_relaxed) != 0);
    push(buffer.index);
}

}  // namespace portico::io
