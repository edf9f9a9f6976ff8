// The bytes in the simulated systems' buffers.
#include <algorithm>
#include <utility>

#include "sim/network_internals.hpp"

namespace portico::sim {

void ByteQueue::reserve(std::size_t bytes) {
    if (bytes <= ring_.size()) {
        return;
    }
    std::size_t size = std::max<std::size_t>(ring_.size(), 256);
    while (size < bytes) {
        size *= 2;
    }
    std::vector<std::byte> larger(size);
    const std::size_t held = size_;
    pop(larger.data(), held);
    ring_ = std::move(larger);
    begin_ = 0;
    size_ = held;
}

void ByteQueue::push(const std::byte* bytes, std::size_t count) {
    reserve(size_ + count);
    if (count == 0) {
        return;
    }
    const std::size_t at = (begin_ + size_) & (ring_.size() - 1);
    const std::size_t first = std::min(count, ring_.size() - at);
    std::memcpy(ring_.data() + at, bytes, first);
    std::memcpy(ring_.data(), bytes + first, count - first);
    size_ += count;
}

void ByteQueue::pop(std::byte* into, std::size_t count) noexcept {
    if (count == 0) {
        return;
    }
    const std::size_t first = std::min(count, ring_.size() - begin_);
    std::memcpy(into, ring_.data() + begin_, first);
    std::memcpy(into + first, ring_.data(), count - first);
    begin_ = (begin_ + count) & (ring_.size() - 1);
    size_ -= count;
}

void ByteQueue::move_to(ByteQueue& other, std::size_t count) {
    while (count > 0) {
        const std::size_t part = std::min(count, ring_.size() - begin_);
        other.push(ring_.data() + begin_, part);
        begin_ = (begin_ + part) & (ring_.size() - 1);
        size_ -= part;
        count -= part;
    }
}

}  // namespace portico::sim
