// Broadcasts on their way to the connections of a worker group with one thread.
//
// To put mail for each of ten thousand connections into a queue costs its sender a lock, an
// allocation and a wake-up for each. A walk is one message instead: it names many connections, and
// the group's thread goes from one to the next. If a connection's strand is idle, the thread runs a
// turn of it at once, which sends the bytes, as it does for a completion.
//
// Each connection of a walk has room reserved in its slot's word (Sharing::reserve). That is an
// accepted call like any other: a close waits for it, and a send in a callback, which sees that
// something is on its way, goes by mail and so stays behind it. When the walk is made, the strands
// of its connections are idle, so every call that was made before has been delivered. A call that
// comes by mail while the walk is under way was made later or at the same time, so the strand first
// takes what the walk has for it: reach(). So a broadcast has the order that a send to each
// connection at its place would have.
//
// If a strand is busy when the walk comes, its mail will bring it to reach(), or it is idle again
// at the walk's next round. Walks are gone through in the order of their making, each to its end,
// so no connection gets two of them in the wrong order.
//
// Concurrency. lock_ guards what has been added and whether the post is on its way; it is held for
// a few loads and stores. All else belongs to the group's thread. The unlock (release) of add()
// pairs with the lock (acquire) of take_added(). count_ only says that a look is worth while: it is
// relaxed, because a thread that adds a walk and then sends mail raises it before the push, whose
// release pairs with the acquire of the strand that takes the mail.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/intrusive.hpp"
#include "io/operation.hpp"
#include "net/brief_lock.hpp"
#include "net/shared_bytes.hpp"
#include "net/slot_key.hpp"

namespace portico::net {

class WorkerGroup;

class Walk : public base::Link {
public:
    // Null if memory is out. `share`: it uses it until it ends.
    [[nodiscard]] static Walk* make(const ConnectionTable& table, Share& share,
                                    std::uint32_t room) noexcept;
    static void end(Walk* walk) noexcept;

    [[nodiscard]] bool is_full() const noexcept { return count_ == room_; }
    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    // With a higher slot than those before.
    void add(SlotKey key) noexcept;

private:
    friend class Walks;

    Walk(const ConnectionTable& table, Share& share, std::uint32_t room) noexcept
        : table_(&table), share_(&share), room_(room) {}
    ~Walk() = default;

    [[nodiscard]] SlotKey* keys() noexcept { return reinterpret_cast<SlotKey*>(this + 1); }
    [[nodiscard]] Connection& connection(SlotKey key) const noexcept {
        return *table_->find(key.handle()).connection;
    }
    // Strikes the key out. False if it is not there, or is struck out already.
    [[nodiscard]] bool take(SlotKey key) noexcept;

    const ConnectionTable* const table_;
    Share* const share_;
    const std::uint32_t room_;
    std::uint32_t count_ = 0;
    std::uint32_t next_ = 0;
    std::uint32_t left_ = 0;  // keys that are not struck out
};

class Walks {
public:
    explicit Walks(WorkerGroup& group) noexcept;
    ~Walks();
    Walks(const Walks&) = delete;
    Walks& operator=(const Walks&) = delete;

    // From any thread. The walk has at least one connection, each with its reservation.
    void add(Walk& walk) noexcept;

    // ---- On the group's thread.
    [[nodiscard]] bool any() const noexcept { return count_.load(std::memory_order_relaxed) != 0; }
    // On the connection's strand, before a call by mail takes effect: brings what is on its way.
    void reach(Connection& connection) noexcept;

    // After the group's threads have ended: a thread is about to post, or has posted, to the
    // group's port.
    [[nodiscard]] bool is_posted() noexcept;

private:
    struct PostPart : io::PostOperation {
        Walks* walks = nullptr;
    };

    // Members of a group that get a broadcast in one turn of the worker. The port is looked at
    // between two.
    static constexpr std::uint32_t members_of_a_turn = 64;
    // The memory of so many is fetched ahead: a send takes longer than that.
    static constexpr std::uint32_t members_ahead = 3;

    void take_added() noexcept;
    void go_on() noexcept;
    // Goes on with one walk. Returns false if the turn is over.
    [[nodiscard]] bool go_on_with(Walk& walk, std::uint32_t& left_of_turn) noexcept;

    WorkerGroup* const group_;
    BriefLock lock_;
    base::Fifo<Walk> added_;  // under lock_
    bool is_posted_ = false;  // under lock_
    std::atomic<std::uint32_t> count_{0};
    base::Fifo<Walk> under_way_;  // the thread's
    PostPart post_;               // the port's while is_posted_
};

}  // namespace portico::net
