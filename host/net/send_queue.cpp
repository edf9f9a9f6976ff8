#include "net/send_queue.hpp"

#include <algorithm>

namespace portico::net {

namespace {

// The capacity of a queue's first chunk from the heap; may be less than that of a pool's chunk.
constexpr std::size_t heap_chunk_min = 512;

}  // namespace

SendQueue::Chunk* SendQueue::make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept {
    std::size_t capacity = wanted;
    if (wanted <= pooled_capacity(chunks)) {
        if (const io::Buffer buffer = chunks.take(); buffer.data != nullptr) {
            return new (buffer.data) Chunk(&chunks, buffer, pooled_capacity(chunks));
        }
        // As much again as is queued: the next small messages fit after this one, and at most half
        // of the queue's memory is unused.
        const std::size_t usual = std::min<std::size_t>(std::max(bytes_, heap_chunk_min),
                                                        pooled_capacity(chunks));
        capacity = std::max(wanted, usual);
    }
    void* memory = ::operator new(chunk_overhead + capacity, std::nothrow);
    return memory != nullptr ? new (memory) Chunk(nullptr, {}, static_cast<std::uint32_t>(capacity))
                             : nullptr;
}

bool SendQueue::append_in_chunks(io::BufferPool& chunks,
                                 std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) {
        return true;
    }
    const std::size_t room = tail_ != nullptr ? tail_->capacity - tail_->end : 0;
    const std::size_t first = std::min(room, bytes.size());
    const std::span<const std::byte> rest = bytes.subspan(first);
    Chunk* added = nullptr;
    if (!rest.empty()) {
        added = make_chunk(chunks, rest.size());
        if (added == nullptr) {
            return false;
        }
        std::memcpy(added->data(), rest.data(), rest.size());
        added->end = static_cast<std::uint32_t>(rest.size());
    }
    if (first != 0) {
        std::memcpy(tail_->data() + tail_->end, bytes.data(), first);
        tail_->end += static_cast<std::uint32_t>(first);
    }
    if (added != nullptr) {
        (tail_ != nullptr ? tail_->next : head_) = added;
        tail_ = added;
    }
    bytes_ += bytes.size();
    return true;
}

std::size_t SendQueue::owned_bytes() const noexcept {
    std::size_t owned = 0;
    for (const Chunk* chunk = head_; chunk != nullptr; chunk = chunk->next) {
        owned += chunk_overhead + chunk->capacity;
    }
    return owned;
}

void SendQueue::consume_part(std::size_t count) noexcept {
    while (count > 0) {
        Chunk* chunk = head_;
        const std::size_t here = std::min<std::size_t>(count, chunk->end - chunk->begin);
        chunk->begin += static_cast<std::uint32_t>(here);
        count -= here;
        if (chunk->begin == chunk->end) {
            head_ = chunk->next;
            if (head_ == nullptr) {
                tail_ = nullptr;
            }
            free_chunk(chunk);
        }
    }
}

void SendQueue::adopt(io::BufferPool& pool, io::Buffer buffer, std::uint32_t begin,
                      std::uint32_t size) noexcept {
    PORTICO_ASSERT(pool.headroom_bytes() >= chunk_overhead && begin + size <= pool.buffer_bytes());
    // marked as full, so that nothing is written after the bytes
    auto* chunk = new (buffer.data - chunk_overhead) Chunk(&pool, buffer, begin + size);
    chunk->begin = begin;
    chunk->end = begin + size;
    (tail_ != nullptr ? tail_->next : head_) = chunk;
    tail_ = chunk;
    bytes_ += size;
}

void SendQueue::clear() noexcept {
    consume(bytes_);
    PORTICO_ASSERT(head_ == nullptr);
}

}  // namespace portico::net
