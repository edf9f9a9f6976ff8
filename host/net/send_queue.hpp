// A connection's bytes that wait to be sent: a list of chunks. Small messages share a chunk, so
// that many of them leave in one send. Chunks of the usual size come from the group's pool; larger
// ones come from the heap, and so do all if the pool is exhausted. A queue never owns more than the
// sum of twice its bytes, the part of its oldest chunk that is sent, and one chunk. A receive
// buffer whose bytes are sent back becomes a chunk without a copy, since it has room in front for
// the header. An empty queue owns nothing.
//
// It belongs to the strand. Bytes named by gather() stay where they are until consume(); append()
// writes after them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>

#include "base/inline.hpp"
#include "io/buffer_pool.hpp"
#include "io/operation.hpp"

namespace portico::net {

class SendQueue {
public:
    SendQueue() = default;
    ~SendQueue() { PORTICO_ASSERT(head_ == nullptr); }
    SendQueue(const SendQueue&) = delete;
    SendQueue& operator=(const SendQueue&) = delete;

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
    [[nodiscard]] bool is_one_chunk() const noexcept { return head_ == tail_; }  // or none

    // The memory of its chunks. Each call counts it anew.
    [[nodiscard]] std::size_t owned_bytes() const noexcept;

    // False if memory is out; the queue is unchanged then.
    [[nodiscard]] PORTICO_ALWAYS_INLINE bool append(io::BufferPool& chunks,
                                                    std::span<const std::byte> bytes) noexcept {
        // The usual message fits after the others, or is the first and fits into a chunk of the
        // pool.
        if (tail_ == nullptr && bytes.size() - 1 < pooled_capacity(chunks)) {
            if (const io::Buffer buffer = chunks.take(); buffer.data != nullptr) {
                head_ = tail_ = new (buffer.data) Chunk(&chunks, buffer, pooled_capacity(chunks));
            }
        }
        if (tail_ == nullptr || bytes.size() > tail_->capacity - tail_->end) [[unlikely]] {
            return append_in_chunks(chunks, bytes);
        }
        std::memcpy(tail_->data() + tail_->end, bytes.data(), bytes.size());
        tail_->end += static_cast<std::uint32_t>(bytes.size());
        bytes_ += bytes.size();
        return true;
    }

    // Takes over a buffer of `pool`, which has chunk_overhead of headroom, to send the `size` bytes
    // in it from `begin` on. Nothing is copied. The pool gets the buffer back after they are sent.
    void adopt(io::BufferPool& pool, io::Buffer buffer, std::uint32_t begin,
               std::uint32_t size) noexcept;

    // Names the oldest bytes, in at most `parts_max` parts; none when the queue is empty. The array
    // lives in the oldest chunk: it stays as it is until consume() or the next gather().
    static constexpr std::size_t parts_max = 16;
    [[nodiscard]] std::span<const io::ConstBuffer> gather() noexcept {
        if (head_ == nullptr) {
            return {};
        }
        std::size_t count = 0;
        for (Chunk* chunk = head_; chunk != nullptr && count < parts_max; chunk = chunk->next) {
            new (&head_->parts[count++])
                io::ConstBuffer{chunk->data() + chunk->begin, chunk->end - chunk->begin};
        }
        return {head_->parts, count};
    }

    // The oldest `count` bytes are sent.
    PORTICO_ALWAYS_INLINE void consume(std::size_t count) noexcept {
        PORTICO_ASSERT(count <= bytes_);
        bytes_ -= count;
        if (bytes_ != 0 || head_ != tail_) [[unlikely]] {
            consume_part(count);
        } else if (head_ != nullptr) {
            free_chunk(head_);
            head_ = tail_ = nullptr;
        }
    }

    void clear() noexcept;

    // Room for a chunk's header in a pool buffer, so that a whole receive buffer's bytes fit into
    // one chunk.
    static constexpr std::uint32_t chunk_overhead = 320;

private:
    struct Chunk {
        Chunk(io::BufferPool* its_pool, io::Buffer its_buffer, std::uint32_t room) noexcept
            : pool(its_pool), buffer(its_buffer), capacity(room) {}

        Chunk* next = nullptr;
        io::BufferPool* pool;  // null: from the heap
        io::Buffer buffer;
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::uint32_t capacity;
        union {
            io::ConstBuffer parts[parts_max];  // made by gather(), in the oldest chunk
        };

        [[nodiscard]] std::byte* data() noexcept {
            return reinterpret_cast<std::byte*>(this) + chunk_overhead;
        }
    };
    static_assert(sizeof(Chunk) <= chunk_overhead && std::is_trivially_destructible_v<Chunk>);

    [[nodiscard]] static std::uint32_t pooled_capacity(const io::BufferPool& chunks) noexcept {
        return chunks.buffer_bytes() - chunk_overhead;
    }
    [[nodiscard]] Chunk* make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept;
    static void free_chunk(Chunk* chunk) noexcept {
        if (io::BufferPool* pool = chunk->pool; pool != nullptr) {
            pool->give_back(chunk->buffer);
        } else {
            ::operator delete(chunk);
        }
    }
    void consume_part(std::size_t count) noexcept;
    [[nodiscard]] bool append_in_chunks(io::BufferPool& chunks,
                                        std::span<const std::byte> bytes) noexcept;

    Chunk* head_ = nullptr;
    Chunk* tail_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace portico::net
