#include "net/timer_table.hpp"

#include <new>

namespace portico::net {

TimerTable::~TimerTable() {
    const std::uint32_t made = made_.load(std::memory_order_relaxed);
    for (std::uint32_t block = 0; block < made; ++block) {
        delete blocks_[block];
    }
    delete[] blocks_;
}

TimerTable::Growth TimerTable::grow(Timers* timers, std::uint32_t& first) noexcept {
    const std::scoped_lock lock(mutex_);
    const std::uint32_t made = made_.load(std::memory_order_relaxed);
    if (made == blocks_max) {
        return Growth::limit;
    }
    if (blocks_ == nullptr) {
        // Not filled in: the system gives its pages only when they are used.
        blocks_ = new (std::nothrow) Block*[blocks_max];
    }
    auto* block = blocks_ != nullptr ? new (std::nothrow) Block : nullptr;
    if (block == nullptr) {
        return Growth::no_memory;
    }
    block->timers = timers;
    first = made << block_bits;
    for (std::uint32_t i = 0; i < block_records; ++i) {
        block->records[i].place.next = i + 1 < block_records ? first + i + 1 : none;
    }
    blocks_[made] = block;
    made_.store(made + 1, std::memory_order_release);
    return Growth::grown;
}

std::size_t TimerTable::allocated_bytes() const noexcept {
    const std::size_t made = made_.load(std::memory_order_acquire);
    return made == 0 ? 0 : made * sizeof(Block) + blocks_max * sizeof(void*);
}

}  // namespace portico::net
