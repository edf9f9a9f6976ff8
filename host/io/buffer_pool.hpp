// A bounded pool of receive buffers of one size. Slabs are allocated as they are first needed and
// kept until the pool ends; otherwise taking and giving back allocate nothing. Both are lock-free.
//
// Concurrency: take() and give_back() of a `shared` pool may be called from any thread; those of a
// `single` one from one thread at a time, which spares the atomic read-modify-writes. in_use() is
// for any thread in both. The free list is an IndexStack.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "base/inline.hpp"
#include "io/index_stack.hpp"

namespace portico::io {

// A buffer in use. `data` is null if there is none.
struct Buffer {
    std::byte* data = nullptr;
    std::uint32_t index = 0;
};

class BufferPool {
public:
    enum class Use : std::uint8_t { shared, single };
    // `buffer_bytes`: size of each, at least 1; `buffers_max`: how many there can ever be, 1 to
    // 2^24; `headroom_bytes`: room in front of each for a header of its user, a multiple of 16.
    // Each is aligned for any object, as memory of `new` is, since users keep structures in them.
    BufferPool(std::uint32_t buffer_bytes, std::uint32_t buffers_max, Use use = Use::shared,
               std::uint32_t headroom_bytes = 0);
    // Every buffer must be back.
    ~BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    // Returns a null buffer if all are in use or memory is out.
    [[nodiscard]] PORTICO_ALWAYS_INLINE Buffer take() noexcept {
        if (use_ == Use::shared) {
            return take_shared();
        }
        if (std::byte* data = std::exchange(last_back_, nullptr); data != nullptr) {
            claim();
            return {data, last_back_index_};
        }
        const std::uint32_t index = free_.pop_alone();
        if (index == IndexStack::none) [[unlikely]] {
            return take_grown();
        }
        claim();
        return {at(index), index};
    }
    PORTICO_ALWAYS_INLINE void give_back(Buffer buffer) noexcept {
        PORTICO_ASSERT(buffer.data != nullptr && in_use() != 0);
        if (use_ == Use::shared) {
            give_back_shared(buffer.index);
            return;
        }
        set_aside();
        if (last_back_ == nullptr) {
            last_back_ = buffer.data;
            last_back_index_ = buffer.index;
        } else {
            free_.push_alone(buffer.index);
        }
    }

    // Some ports hand buffers to the system before there is data for them. A buffer that was taken
    // and set aside does not count as in use until claim() says that it was filled. Only the port's
    // threads call the two.
    void set_aside() noexcept { count_in_use(~std::uint32_t{0}); }
    void claim() noexcept { count_in_use(1); }
    // A buffer that is in use, by its index.
    [[nodiscard]] Buffer in_use_at(std::uint32_t index) const noexcept {
        return {at(index), index};
    }

    [[nodiscard]] std::uint32_t buffer_bytes() const noexcept { return buffer_bytes_; }
    [[nodiscard]] std::uint32_t headroom_bytes() const noexcept { return headroom_bytes_; }
    [[nodiscard]] std::uint32_t buffers_max() const noexcept { return buffers_max_; }
    // The number of buffers in use now. Exact if no other thread takes or gives back at the same
    // time.
    [[nodiscard]] std::uint32_t in_use() const noexcept {
        return in_use_.load(std::memory_order_relaxed);
    }

private:
    static constexpr std::uint32_t slab_buffers = 64;

    [[nodiscard]] Buffer take_shared() noexcept;
    void give_back_shared(std::uint32_t index) noexcept;
    // take() when the free list is empty.
    [[nodiscard]] Buffer take_grown() noexcept;
    [[nodiscard]] bool grow() noexcept;
    [[nodiscard]] std::byte* at(std::uint32_t index) const noexcept {
        return slabs_[index / slab_buffers].load(std::memory_order_relaxed) +
               (index % slab_buffers) * stride_ + headroom_bytes_;
    }
    // Adds to in_use_, modulo 2^32.
    PORTICO_ALWAYS_INLINE void count_in_use(std::uint32_t by) noexcept {
        if (use_ == Use::single) {
            in_use_.store(in_use() + by, std::memory_order_relaxed);
        } else {
            in_use_.fetch_add(by, std::memory_order_relaxed);
        }
    }

    const std::uint32_t buffer_bytes_;
    const std::uint32_t headroom_bytes_;
    const std::size_t stride_;  // from one buffer of a slab to the next
    const std::uint32_t buffers_max_;
    const std::uint32_t slabs_max_;
    const Use use_;
    IndexStack free_;
    // single: the buffer that came back last, or null. It is kept beside the list, so that most
    // messages never touch the list.
    std::byte* last_back_ = nullptr;
    std::uint32_t last_back_index_ = 0;
    std::atomic<std::uint32_t> in_use_{0};
    // Slab s is published before any of its indices is pushed; at() reads it relaxed after the pop
    // of one.
    std::unique_ptr<std::atomic<std::byte*>[]> slabs_;
    std::mutex growing_;            // one thread adds a slab at a time
    std::uint32_t slabs_made_ = 0;  // under growing_
};

}  // namespace portico::io
