#include "net/send_queue.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace portico::net {

struct SendQueue::Chunk {
    Chunk* next = nullptr;
    io::Buffer pooled;  // data null: from the heap
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t capacity = 0;
    std::array<io::ConstBuffer, parts_max> parts{};  // gather()'s, of the oldest chunk

    [[nodiscard]] std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this) + chunk_overhead; }
};

SendQueue::Chunk* SendQueue::make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept {
    static_assert(sizeof(Chunk) <= chunk_overhead);
    const std::size_t usual = chunks.buffer_bytes() - chunk_overhead;
    if (wanted <= usual) {
        if (const io::Buffer buffer = chunks.take(); buffer.data != nullptr) {
            auto* chunk = new (buffer.data) Chunk;
            chunk->pooled = buffer;
            chunk->capacity = static_cast<std::uint32_t>(usual);
            return chunk;
        }
    }
    void* memory = ::operator new(chunk_overhead + wanted, std::nothrow);
    if (memory == nullptr) {
        return nullptr;
    }
    auto* chunk = new (memory) Chunk;
    chunk->capacity = static_cast<std::uint32_t>(wanted);
    return chunk;
}

void SendQueue::free_chunk(io::BufferPool& chunks, Chunk* chunk) noexcept {
    const io::Buffer pooled = chunk->pooled;
    chunk->~Chunk();
    if (pooled.data != nullptr) {
        chunks.give_back(pooled);
    } else {
        ::operator delete(chunk);
    }
}

bool SendQueue::append(io::BufferPool& chunks, std::span<const std::byte> bytes) noexcept {
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

std::span<const io::ConstBuffer> SendQueue::gather() noexcept {
    if (head_ == nullptr) {
        return {};
    }
    std::size_t count = 0;
    for (Chunk* chunk = head_; chunk != nullptr && count < parts_max; chunk = chunk->next) {
        head_->parts[count++] = {chunk->data() + chunk->begin, chunk->end - chunk->begin};
    }
    return {head_->parts.data(), count};
}

void SendQueue::consume(io::BufferPool& chunks, std::size_t count) noexcept {
    PORTICO_ASSERT(count <= bytes_);
    bytes_ -= count;
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
            free_chunk(chunks, chunk);
        }
    }
}

void SendQueue::clear(io::BufferPool& chunks) noexcept {
    consume(chunks, bytes_);
    PORTICO_ASSERT(head_ == nullptr);
}

}  // namespace portico::net
