#include "net/walks.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "net/sharing.hpp"
#include "net/worker.hpp"

namespace portico::net {

// ---- Walk

Walk* Walk::make(const ConnectionTable& table, Share& share, std::uint32_t room) noexcept {
    static_assert(alignof(Walk) >= alignof(SlotKey));
    void* memory = ::operator new(sizeof(Walk) + room * sizeof(SlotKey), std::nothrow);
    if (memory == nullptr) {
        return nullptr;
    }
    share.add_use();
    return new (memory) Walk(table, share, room);
}

void Walk::end(Walk* walk) noexcept {
    walk->share_->end_use();
    walk->~Walk();
    ::operator delete(walk);
}

void Walk::add(SlotKey key) noexcept {
    PORTICO_ASSERT(!is_full());
    new (keys() + count_) SlotKey(key);
    ++count_;
    ++left_;
}

bool Walk::take(SlotKey key) noexcept {
    SlotKey* const end = keys() + count_;
    SlotKey* const found = std::lower_bound(keys(), end, key, SlotKey::is_lower_slot);
    if (found == end || *found != key) {
        return false;
    }
    found->strike();
    --left_;
    return true;
}

// ---- Walks

Walks::Walks(WorkerGroup& group) noexcept : group_(&group) {
    post_.walks = this;
    post_.completed = [](io::Operation& operation) {
        static_cast<PostPart&>(operation).walks->go_on();
    };
}

Walks::~Walks() {
    PORTICO_ASSERT(!any() && !is_posted_);
}

void Walks::add(Walk& walk) noexcept {
    PORTICO_ASSERT(!walk.is_empty() && group_->thread_count() == 1);
    bool has_to_post = false;
    {
        const std::scoped_lock lock(lock_);
        added_.push_back(walk);
        count_.fetch_add(1, std::memory_order_relaxed);
        has_to_post = !std::exchange(is_posted_, true);
    }
    if (has_to_post) {
        group_->port().post(post_);
    }
}

bool Walks::is_posted() noexcept {
    const std::scoped_lock lock(lock_);
    return is_posted_;
}

void Walks::take_added() noexcept {
    const std::scoped_lock lock(lock_);
    while (Walk* walk = added_.pop_front()) {
        under_way_.push_back(*walk);
    }
}

void Walks::reach(Connection& connection) noexcept {
    take_added();
    const SlotKey key(connection.handle());
    Walk* const oldest = under_way_.front();
    for (Walk* walk = oldest; walk != nullptr;) {
        if (walk->take(key)) {
            Sharing::take(connection, *walk->share_);
        }
        walk = static_cast<Walk*>(walk->next);  // after the newest comes the oldest
        walk = walk == oldest ? nullptr : walk;
    }
}

void Walks::go_on() noexcept {
    {
        const std::scoped_lock lock(lock_);
        is_posted_ = false;
    }
    take_added();
    std::uint32_t left_of_turn = members_of_a_turn;
    while (Walk* walk = under_way_.front()) {
        if (!go_on_with(*walk, left_of_turn)) {
            break;
        }
        under_way_.pop_front();
        count_.fetch_sub(1, std::memory_order_relaxed);
        Walk::end(walk);
    }
    if (under_way_.empty()) {
        return;
    }
    bool has_to_post = false;
    {
        const std::scoped_lock lock(lock_);
        has_to_post = !std::exchange(is_posted_, true);
    }
    if (has_to_post) {
        group_->port().post(post_);
    }
}

bool Walks::go_on_with(Walk& walk, std::uint32_t& left_of_turn) noexcept {
    Worker& worker = *Worker::current();
    for (; walk.next_ < walk.count_ && walk.left_ != 0; ++walk.next_) {
        SlotKey& key = walk.keys()[walk.next_];
        if (key.is_struck()) {
            continue;
        }
        if (left_of_turn == 0) {
            return false;
        }
        --left_of_turn;
        if (const std::uint32_t ahead = walk.next_ + members_ahead;
            ahead < walk.count_ && !walk.keys()[ahead].is_struck()) {
            Sharing::expect(walk.connection(walk.keys()[ahead]));
        }
        if (Sharing::bring(walk.connection(key), worker, *walk.share_)) {
            key.strike();
            --walk.left_;
        }
    }
    if (walk.left_ == 0) {
        return true;
    }
    walk.next_ = 0;  // the next round, after the strands that are busy now have had a turn
    return false;
}

}  // namespace portico::net
