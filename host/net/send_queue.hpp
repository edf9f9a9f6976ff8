// A connection's bytes that wait to be sent: a list of chunks. Small messages share a chunk, so
// that many of them leave in one send. Chunks of the usual size come from the group's pool; larger
// ones come from the heap, and so do all if the pool is exhausted. A queue never owns more than the
// sum of twice its bytes, the part of its oldest chunk that is sent, and one chunk. A receive
// buffer whose bytes are sent back becomes a chunk without a copy, since it has room in front for
// the header. An empty queue owns nothing.
//
// A send may also stay in memory that is not the queue's: an External. The queue refers to its
// parts, and hands it back when they are sent. Two links of the list stand for it, and the last one
// is empty. So an external send is never alone in the list, and the functions that run for every
// message need not know of it. One that is alone in the queue is sent by its own array of parts.
// If it is the oldest of several sends, it gets an array as a chunk has.
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
#include "net/parts.hpp"

namespace portico::net {

class SendQueue {
    // One of the list. The bytes of a chunk that are not sent yet are [begin, end) of its data.
    struct Link {
        explicit Link(std::uint32_t room) noexcept : capacity(room) {}

        Link* next = nullptr;
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::uint32_t capacity;  // 0: a link of an external send

        [[nodiscard]] std::byte* data() noexcept {
            return reinterpret_cast<std::byte*>(this) + chunk_overhead;
        }
    };

public:
    class External;

    SendQueue() = default;
    ~SendQueue() { PORTICO_ASSERT(head_ == nullptr); }
    SendQueue(const SendQueue&) = delete;
    SendQueue& operator=(const SendQueue&) = delete;

    // What the queue counts for: its bytes, and the cost of each external send.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
    [[nodiscard]] bool is_one_chunk() const noexcept { return head_ == tail_; }  // or none

    // Without the cost. Each call counts them anew.
    [[nodiscard]] std::size_t unsent_bytes() const noexcept;
    // The memory of its chunks and external sends, without what an external send refers to. Each
    // call counts it anew.
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
            return append(chunks, Parts(bytes));
        }
        std::memcpy(tail_->data() + tail_->end, bytes.data(), bytes.size());
        tail_->end += static_cast<std::uint32_t>(bytes.size());
        bytes_ += static_cast<std::uint32_t>(bytes.size());
        return true;
    }
    // All parts, or none.
    [[nodiscard]] bool append(io::BufferPool& chunks, const Parts& parts) noexcept;

    // Takes over a buffer of `pool`, which has chunk_overhead of headroom, to send the `size` bytes
    // in it from `begin` on. Nothing is copied. The pool gets the buffer back after they are sent.
    void adopt(io::BufferPool& pool, io::Buffer buffer, std::uint32_t begin,
               std::uint32_t size) noexcept;

    // The queue has it until consume() or clear() returns it. It has at least one byte.
    void append(External& external) noexcept;

    // Names the oldest bytes, in at most `parts_max` parts; none when the queue is empty. The array
    // belongs to the oldest chunk or external send: it stays as it is until consume() or the next
    // gather().
    static constexpr std::size_t parts_max = 16;
    [[nodiscard]] std::span<const io::ConstBuffer> gather() noexcept {
        if (head_ != tail_) [[unlikely]] {
            return gather_many();
        }
        if (head_ == nullptr) {
            return {};
        }
        auto* chunk = static_cast<Chunk*>(head_);
        new (&chunk->parts[0])
            io::ConstBuffer{chunk->data() + chunk->begin, chunk->end - chunk->begin};
        return {chunk->parts, 1};
    }

    // The oldest `count` bytes are sent. Returns the external sends that this completes, oldest
    // first, as a list; null if there are none. They are the caller's then.
    [[nodiscard]] PORTICO_ALWAYS_INLINE External* consume(std::size_t count) noexcept {
        PORTICO_ASSERT(count <= bytes_);
        bytes_ -= static_cast<std::uint32_t>(count);
        if (bytes_ != 0 || head_ != tail_) [[unlikely]] {
            return consume_part(count);
        }
        if (head_ != nullptr) {
            free_chunk(static_cast<Chunk*>(head_));
            head_ = tail_ = nullptr;
        }
        return nullptr;
    }

    // Drops everything. Returns the external sends, as consume().
    [[nodiscard]] External* clear() noexcept;

    // Room for a chunk's header in a pool buffer, so that a whole receive buffer's bytes fit into
    // one chunk.
    static constexpr std::uint32_t chunk_overhead = 320;

private:
    struct Chunk : Link {
        Chunk(io::BufferPool* its_pool, io::Buffer its_buffer, std::uint32_t room) noexcept
            : Link(room), pool(its_pool), buffer(its_buffer) {}

        io::BufferPool* pool;  // null: not from a pool
        io::Buffer buffer;
        union {
            io::ConstBuffer parts[parts_max];  // made by gather(), in the oldest chunk
        };
    };
    static_assert(sizeof(Chunk) <= chunk_overhead && std::is_trivially_destructible_v<Chunk>);

    // The capacity of a queue's first chunk from the heap, and the least after an external send;
    // may be less than that of a pool's chunk.
    static constexpr std::uint32_t heap_chunk_min = 512;

    [[nodiscard]] static std::uint32_t pooled_capacity(const io::BufferPool& chunks) noexcept {
        return chunks.buffer_bytes() - chunk_overhead;
    }
    [[nodiscard]] static bool is_external(const Link& link) noexcept { return link.capacity == 0; }
    [[nodiscard]] static const Link* after(const Link& link) noexcept;
    [[nodiscard]] Link* make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept;
    static void free_chunk(Chunk* chunk) noexcept {
        if (io::BufferPool* pool = chunk->pool; pool != nullptr) {
            pool->give_back(chunk->buffer);
        } else {
            ::operator delete(chunk);
        }
    }
    void add(Link& first, Link& last) noexcept {
        (tail_ != nullptr ? tail_->next : head_) = &first;
        tail_ = &last;
    }
    [[nodiscard]] std::span<const io::ConstBuffer> gather_many() noexcept;
    [[nodiscard]] External* consume_part(std::size_t count) noexcept;
    // Takes the oldest chunk off the list and frees it, or returns it if it is an external send.
    External* remove_oldest() noexcept;

    Link* head_ = nullptr;
    Link* tail_ = nullptr;  // with room for more bytes only if it is a chunk
    std::uint32_t bytes_ = 0;
    std::uint32_t externals_ = 0;
};

// A send of memory that is not the queue's. Whoever makes it derives from it, gives it an array of
// parts, and destroys it after the queue has returned it.
//
// It has a cost, which counts as bytes do: its own memory, and that of the chunk that must be begun
// after it for the next small message. So many small sends cannot take many times the memory of the
// queue.
class SendQueue::External : private Link {
public:
    // Each of its parts has at least one byte; `bytes` is their sum. The array stays as long as
    // this; the queue changes it. `memory`: what all this takes, without what the parts name.
    External(std::span<io::ConstBuffer> its_parts, std::uint32_t bytes,
             std::uint32_t memory) noexcept
        : Link(0), left_(its_parts.data()), memory_(memory), bytes_(bytes) {
        end = static_cast<std::uint32_t>(its_parts.size());
    }
    External(const External&) = delete;
    External& operator=(const External&) = delete;

    // The cost of one that takes so much memory.
    [[nodiscard]] static constexpr std::uint32_t cost_of(std::uint32_t memory) noexcept {
        return memory + chunk_overhead + heap_chunk_min;
    }

    [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint32_t cost() const noexcept {
        return memory_ + chunk_overhead + heap_chunk_min;
    }

    // The next of a list that the queue has returned.
    [[nodiscard]] External* next_ended() const noexcept { return next_ended_; }

protected:
    ~External() { PORTICO_ASSERT(gathered_ == nullptr); }

    // Before it is queued: less is sent, and more is its own memory.
    void shrink(std::uint32_t bytes) noexcept {
        left_[0].size = bytes;
        memory_ += bytes_ - bytes;
        bytes_ = bytes;
    }

private:
    friend class SendQueue;

    // Some bytes are sent, at most `count`. Returns how many.
    std::size_t consume_some(std::size_t count) noexcept;
    // What is left of it, in at most parts_max parts.
    [[nodiscard]] std::span<const io::ConstBuffer> own_parts() const noexcept;

    Link last_{0};           // follows this one in the list
    io::ConstBuffer* left_;  // begin and end count in this array
    // Room for parts_max parts: an array for gather(), if this is the oldest of several sends and
    // there was memory for it.
    io::ConstBuffer* gathered_ = nullptr;
    External* next_ended_ = nullptr;
    std::uint32_t memory_;
    std::uint32_t bytes_;
};

}  // namespace portico::net
