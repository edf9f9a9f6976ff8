// The slots of all connections of a server, and the table of its timers. A slot is type-stable:
// once made it stays until the server ends, and is used again, oldest first. So any handle, however
// old, can be looked up, and the slot's word says whether it is still valid.
//
// A handle is [upper 40 bits: salt (13) and generation (27)] [lower 24 bits: index]. Each server
// has its own salt, so that a handle of another server in the process is not mistaken for one of
// this server. Generations begin at 1, so no handle is 0. A slot whose generations are used up is
// retired.
//
// Concurrency: take() and give_back() lock, once in a connection's life. find() is lock-free:
// blocks are published with release and found with acquire.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>

#include "net/connection.hpp"
#include "net/timer_table.hpp"

namespace portico::net {

class ConnectionTable {
public:
    static constexpr std::uint32_t index_bits = 24;
    static constexpr std::uint32_t connections_limit = 1U << index_bits;

    // `connections_max`: 1 to connections_limit.
    explicit ConnectionTable(std::uint32_t connections_max);
    ~ConnectionTable();
    ConnectionTable(const ConnectionTable&) = delete;
    ConnectionTable& operator=(const ConnectionTable&) = delete;

    // A free slot, or null if all are taken or memory is out.
    [[nodiscard]] Connection* take() noexcept;
    void give_back(Connection& connection) noexcept;

    [[nodiscard]] std::uint64_t handle_of(std::uint32_t index,
                                          std::uint64_t generation) const noexcept {
        return (salt_ << SlotWord::generation_bits | generation) << index_bits | index;
    }

    [[nodiscard]] static std::uint64_t generation_of(std::uint64_t handle) noexcept {
        return handle >> index_bits & SlotWord::generation_max;
    }

    // The slot of a handle and the generation it names; null if the handle cannot be from this
    // table.
    struct Found {
        Connection* connection = nullptr;
        std::uint64_t generation = 0;
    };
    [[nodiscard]] Found find(std::uint64_t handle) const noexcept {
        const auto index = static_cast<std::uint32_t>(handle & (connections_limit - 1));
        const std::uint64_t upper = handle >> index_bits;
        if (upper >> SlotWord::generation_bits != salt_ ||
            index >= made_.load(std::memory_order_acquire)) {
            return {};
        }
        return {at(index), upper & SlotWord::generation_max};
    }

    [[nodiscard]] TimerTable& timers() noexcept { return timers_; }

    // Calls action(Connection&) for each slot in which a connection lives. Connections may come and
    // go meanwhile.
    template <class Action>
    void for_each_live(Action&& action) {
        const std::uint32_t made = made_.load(std::memory_order_acquire);
        for (std::uint32_t index = 0; index < made; ++index) {
            if (Connection& connection = *at(index); connection.is_live()) {
                action(connection);
            }
        }
    }

    // The number of slots that exist, and each of them.
    [[nodiscard]] std::uint32_t made() const noexcept {
        return made_.load(std::memory_order_acquire);
    }
    [[nodiscard]] Connection* at(std::uint32_t index) const noexcept {
        std::byte* room = blocks_[index >> block_bits].load(std::memory_order_acquire)->room;
        return std::launder(
            reinterpret_cast<Connection*>(room + (index & (block_slots - 1)) * sizeof(Connection)));
    }

private:
    static constexpr std::uint32_t block_bits = 8;
    static constexpr std::uint32_t block_slots = 1U << block_bits;
    struct Block {
        alignas(Connection) std::byte room[block_slots * sizeof(Connection)];
    };

    [[nodiscard]] bool grow() noexcept;

    const std::uint64_t salt_;
    const std::uint32_t connections_max_;
    const std::uint32_t blocks_max_;
    std::unique_ptr<std::atomic<Block*>[]> blocks_;
    // The number of slots that exist. Raised (release) after their block is published, read
    // (acquire) before a block is looked up.
    std::atomic<std::uint32_t> made_{0};
    std::mutex mutex_;
    base::Fifo<ConnectionNode> free_;  // under mutex_
    TimerTable timers_{salt_};
};

inline std::uint64_t Connection::handle() const noexcept {
    return table_->handle_of(index_, generation());
}

}  // namespace portico::net
