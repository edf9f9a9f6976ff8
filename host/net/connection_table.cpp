#include "net/connection_table.hpp"

#include <algorithm>
#include <new>
#include <random>

namespace portico::net {

namespace {

// Counts up from a random start. If each salt were drawn at random, two servers would get the same
// one once in some thousand times.
std::uint64_t next_salt() {
    constexpr std::uint32_t salt_bits = 64 - ConnectionTable::index_bits -
                                        SlotWord::generation_bits;
    static std::atomic<std::uint32_t> next{std::random_device{}()};
    return next.fetch_add(1, std::memory_order_relaxed) & ((1U << salt_bits) - 1);
}

}  // namespace

ConnectionTable::ConnectionTable(std::uint32_t connections_max)
    : salt_(next_salt()),
      connections_max_(connections_max),
      blocks_max_((connections_max + block_slots - 1) >> block_bits),
      blocks_(std::make_unique<std::atomic<Block*>[]>(blocks_max_)) {
    PORTICO_ASSERT(connections_max >= 1 && connections_max <= connections_limit);
}

ConnectionTable::~ConnectionTable() {
    const std::uint32_t made = made_.load(std::memory_order_relaxed);
    for (std::uint32_t index = 0; index < made; ++index) {
        at(index)->~Connection();
    }
    for (std::uint32_t block = 0; block < blocks_max_; ++block) {
        delete blocks_[block].load(std::memory_order_relaxed);
    }
}

bool ConnectionTable::grow() noexcept {
    const std::uint32_t first = made_.load(std::memory_order_relaxed);
    if (first >= connections_max_) {
        return false;
    }
    auto* block = new (std::nothrow) Block;
    if (block == nullptr) {
        return false;
    }
    const std::uint32_t count = std::min(block_slots, connections_max_ - first);
    for (std::uint32_t i = 0; i < count; ++i) {
        auto* connection = new (block->room + i * sizeof(Connection)) Connection(*this, first + i);
        free_.push_back(*connection);
    }
    blocks_[first >> block_bits].store(block, std::memory_order_release);
    made_.store(first + count, std::memory_order_release);
    return true;
}

Connection* ConnectionTable::take() noexcept {
    const std::scoped_lock lock(mutex_);
    if (free_.empty() && !grow()) {
        return nullptr;
    }
    return static_cast<Connection*>(free_.pop_front());
}

void ConnectionTable::give_back(Connection& connection) noexcept {
    if (connection.generation() == SlotWord::generation_max) {
        return;  // retired: its next handle was used before
    }
    const std::scoped_lock lock(mutex_);
    free_.push_back(connection);
}

}  // namespace portico::net
