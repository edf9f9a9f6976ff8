#include "net/send_queue.hpp"

#include <algorithm>
#include <utility>

namespace portico::net {

SendQueue::Link* SendQueue::make_chunk(io::BufferPool& chunks, std::size_t wanted) noexcept {
    std::size_t capacity = wanted;
    if (wanted <= pooled_capacity(chunks)) {
        std::size_t usual = heap_chunk_min;
        // After an external send a new chunk must be begun, however empty the one before is. So a
        // large one of the pool would not do.
        if (externals_ == 0) {
            if (const io::Buffer buffer = chunks.take(); buffer.data != nullptr) {
                return new (buffer.data) Chunk(&chunks, buffer, pooled_capacity(chunks));
            }
            // As much again as is queued: the next small messages fit after this one, and at most
            // half of the queue's memory is unused.
            usual = std::max<std::size_t>(bytes_, heap_chunk_min);
        }
        capacity = std::max(wanted, std::min<std::size_t>(usual, pooled_capacity(chunks)));
    }
    void* memory = ::operator new(chunk_overhead + capacity, std::nothrow);
    return memory != nullptr ? new (memory) Chunk(nullptr, {}, static_cast<std::uint32_t>(capacity))
                             : nullptr;
}

bool SendQueue::append(io::BufferPool& chunks, const Parts& parts) noexcept {
    const std::size_t total = parts.bytes();
    const std::size_t room = tail_ != nullptr ? tail_->capacity - tail_->end : 0;
    Link* added = nullptr;
    if (total > room) {
        added = make_chunk(chunks, total - room);
        if (added == nullptr) {
            return false;
        }
    }
    const auto put = [](Link& chunk, std::span<const std::byte> bytes) {
        if (!bytes.empty()) {
            std::memcpy(chunk.data() + chunk.end, bytes.data(), bytes.size());
            chunk.end += static_cast<std::uint32_t>(bytes.size());
        }
    };
    std::size_t left = std::min(room, total);  // of the room
    for (std::uint32_t i = 0; i < parts.count(); ++i) {
        const std::span<const std::byte> part = parts[i];
        const std::size_t here = std::min(left, part.size());
        if (here != 0) {
            put(*tail_, part.first(here));
            left -= here;
        }
        if (here != part.size()) {
            put(*added, part.subspan(here));
        }
    }
    if (added != nullptr) {
        add(*added, *added);
    }
    bytes_ += static_cast<std::uint32_t>(total);
    return true;
}

void SendQueue::append(External& external) noexcept {
    PORTICO_ASSERT(external.bytes_ != 0);
    external.next = &external.last_;
    add(external, external.last_);
    bytes_ += external.bytes_ + external.cost();
    ++externals_;
}

const SendQueue::Link* SendQueue::after(const Link& link) noexcept {
    return is_external(link) ? static_cast<const External&>(link).last_.next : link.next;
}

std::size_t SendQueue::owned_bytes() const noexcept {
    std::size_t owned = 0;
    for (const Link* link = head_; link != nullptr; link = after(*link)) {
        if (!is_external(*link)) {
            owned += chunk_overhead + link->capacity;
            continue;
        }
        const auto& external = static_cast<const External&>(*link);
        owned += external.memory_;
        owned += external.gathered_ != nullptr ? parts_max * sizeof(io::ConstBuffer) : 0;
    }
    return owned;
}

std::size_t SendQueue::unsent_bytes() const noexcept {
    std::size_t unsent = bytes_;
    for (const Link* link = head_; link != nullptr; link = after(*link)) {
        if (is_external(*link)) {
            unsent -= static_cast<const External*>(link)->cost();
        }
    }
    return unsent;
}

std::span<const io::ConstBuffer> SendQueue::External::own_parts() const noexcept {
    return {left_ + begin, std::min<std::size_t>(end - begin, parts_max)};
}

std::span<const io::ConstBuffer> SendQueue::gather_many() noexcept {
    io::ConstBuffer* parts = nullptr;
    if (is_external(*head_)) {
        auto& oldest = static_cast<External&>(*head_);
        const bool is_alone = after(oldest) == nullptr;
        if (!is_alone && oldest.gathered_ == nullptr) {
            oldest.gathered_ = static_cast<io::ConstBuffer*>(
                ::operator new(parts_max * sizeof(io::ConstBuffer), std::nothrow));
        }
        if (is_alone || oldest.gathered_ == nullptr) {
            return oldest.own_parts();
        }
        parts = oldest.gathered_;
    } else {
        parts = static_cast<Chunk*>(head_)->parts;
    }
    std::size_t count = 0;
    for (const Link* link = head_; link != nullptr && count < parts_max; link = after(*link)) {
        if (!is_external(*link)) {
            new (&parts[count++]) io::ConstBuffer{const_cast<Link*>(link)->data() + link->begin,
                                                  link->end - link->begin};
            continue;
        }
        const auto& external = static_cast<const External&>(*link);
        for (std::uint32_t i = link->begin; i < link->end && count < parts_max; ++i) {
            new (&parts[count++]) io::ConstBuffer(external.left_[i]);
        }
    }
    return {parts, count};
}

std::size_t SendQueue::External::consume_some(std::size_t count) noexcept {
    std::size_t done = 0;
    while (done < count && begin < end) {
        io::ConstBuffer& part = left_[begin];
        const std::size_t here = std::min(count - done, part.size);
        part.data += here;
        part.size -= here;
        done += here;
        begin += part.size == 0 ? 1 : 0;
    }
    return done;
}

SendQueue::External* SendQueue::consume_part(std::size_t count) noexcept {
    External* ended = nullptr;
    External** end_of_list = &ended;
    while (count > 0) {
        if (is_external(*head_)) {
            count -= static_cast<External*>(head_)->consume_some(count);
        } else {
            const std::size_t here = std::min<std::size_t>(count, head_->end - head_->begin);
            head_->begin += static_cast<std::uint32_t>(here);
            count -= here;
        }
        if (head_->begin == head_->end) {
            if (External* external = remove_oldest(); external != nullptr) {
                *end_of_list = external;
                end_of_list = &external->next_ended_;
            }
        }
    }
    return ended;
}

SendQueue::External* SendQueue::remove_oldest() noexcept {
    Link* oldest = head_;
    const bool is_last = after(*oldest) == nullptr;
    head_ = const_cast<Link*>(after(*oldest));
    if (is_last) {
        tail_ = nullptr;
    }
    if (!is_external(*oldest)) {
        free_chunk(static_cast<Chunk*>(oldest));
        return nullptr;
    }
    auto* external = static_cast<External*>(oldest);
    ::operator delete(std::exchange(external->gathered_, nullptr));
    bytes_ -= external->cost();
    --externals_;
    return external;
}

void SendQueue::adopt(io::BufferPool& pool, io::Buffer buffer, std::uint32_t begin,
                      std::uint32_t size) noexcept {
    PORTICO_ASSERT(pool.headroom_bytes() >= chunk_overhead && begin + size <= pool.buffer_bytes());
    // marked as full, so that nothing is written after the bytes
    auto* chunk = new (buffer.data - chunk_overhead) Chunk(&pool, buffer, begin + size);
    chunk->begin = begin;
    chunk->end = begin + size;
    add(*chunk, *chunk);
    bytes_ += size;
}

SendQueue::External* SendQueue::clear() noexcept {
    External* dropped = nullptr;
    External** end_of_list = &dropped;
    while (head_ != nullptr) {
        if (External* external = remove_oldest(); external != nullptr) {
            *end_of_list = external;
            end_of_list = &external->next_ended_;
        }
    }
    bytes_ = 0;
    return dropped;
}

}  // namespace portico::net
