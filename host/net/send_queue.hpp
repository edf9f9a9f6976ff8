// A connection's bytes that wait to be sent: a list of chunks. Small messages share a chunk, so that many of them leave in one send; chunks of the
// usual size come from the group's pool, larger ones (and all of them when the pool is exhausted) from the heap. An empty queue owns nothing.
//
// The strand's alone. Bytes named by gather() stay where they are until consume(); append() writes behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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

    // False when memory is out; the queue is as before then.
    [[nodiscard]] bool append(io::BufferPool& chunks, std::span<const std::byte> bytes) noexcept;

    // Names the oldest bytes, in at most `parts_max` parts; none when the queue is empty. The array lives in the oldest chunk: it stays as it is until
    // consume() or the next gather().
    static constexpr std::size_t parts_max = 4;
    [[nodiscard]] std::span<const io::ConstBuffer> gather() noexcept;

    // The oldest `count` bytes are sent.
    void consume(io::BufferPool& chunks, std::size_t count) noexcept;

    void clear(io::BufferPool& chunks) noexcept;

    // Room for a chunk's header in a pool buffer, so that a whole receive buffer's bytes fit into one chunk.
    static constexpr std::uint32_t chunk_overhead = 128;

private:
    struct Chunk;
    [[nodiscard]] static Chunk* make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept;
    static void free_chunk(io::BufferPool& chunks, Chunk* chunk) noexcept;

    Chunk* head_ = nullptr;
    Chunk* tail_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace portico::net
