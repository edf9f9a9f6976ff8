#include "store.hpp"

#include <limits>

#include "resp.hpp"

namespace redis_like {

Store::Node *Store::Shard::find(const Hashed &key, Now &now) {
    const auto found = map.find(key);
    if (found == map.end()) return nullptr;
    if (found->second.deadline != no_deadline && found->second.deadline <= now()) {
        erase(*found);
        return nullptr;
    }
    return &*found;
}

void Store::Shard::erase(Node &node) {
    set_deadline(node, no_deadline);
    map.erase(map.find(node.first));
}

void Store::Shard::set_deadline(Node &node, std::uint64_t deadline) {
    if (node.second.deadline != no_deadline) deadlines.erase({node.second.deadline, &node});
    node.second.deadline = no_deadline;  // in case the next line throws
    if (deadline != no_deadline) deadlines.insert({deadline, &node});
    node.second.deadline = deadline;
}

bool Store::set(std::string_view key, std::string_view value, std::uint64_t deadline, When when,
                Now &now) {
    const Hashed hashed(key);
    Shard &shard = shard_of(hashed);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    Node *node = shard.find(hashed, now);
    if (when == (node == nullptr ? When::if_present : When::if_absent)) return false;
    if (node == nullptr) {
        node = &*shard.map.emplace(key, Entry{std::string(value), no_deadline}).first;
    } else {
        node->second.value.assign(value);
    }
    if (deadline != no_deadline || node->second.deadline != no_deadline) {
        shard.set_deadline(*node, deadline);
    }
    return true;
}

bool Store::erase(std::string_view key, Now &now) {
    const Hashed hashed(key);
    Shard &shard = shard_of(hashed);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    Node *const node = shard.find(hashed, now);
    if (node != nullptr) shard.erase(*node);
    return node != nullptr;
}

Store::Added Store::add(std::string_view key, std::int64_t amount, Now &now, std::int64_t &sum) {
    const Hashed hashed(key);
    Shard &shard = shard_of(hashed);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    Node *const node = shard.find(hashed, now);
    std::int64_t value = 0;
    if (node != nullptr && !parse_integer(node->second.value, value)) return Added::no_integer;
    using Limits = std::numeric_limits<std::int64_t>;
    if (amount > 0 ? value > Limits::max() - amount : value < Limits::min() - amount) {
        return Added::overflow;
    }
    sum = value + amount;
    if (node != nullptr) {
        node->second.value = std::to_string(sum);
    } else {
        shard.map.emplace(key, Entry{std::to_string(sum), no_deadline});
    }
    return Added::done;
}

bool Store::expire(std::string_view key, std::uint64_t deadline, Now &now) {
    const Hashed hashed(key);
    Shard &shard = shard_of(hashed);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    Node *const node = shard.find(hashed, now);
    if (node == nullptr) return false;
    if (deadline <= now()) {
        shard.erase(*node);
    } else {
        shard.set_deadline(*node, deadline);
    }
    return true;
}

std::int64_t Store::time_to_live(std::string_view key, Now &now) {
    const Hashed hashed(key);
    Shard &shard = shard_of(hashed);
    const std::lock_guard<std::mutex> lock(shard.mutex);
    const Node *const node = shard.find(hashed, now);
    if (node == nullptr) return -2;
    if (node->second.deadline == no_deadline) return -1;
    return static_cast<std::int64_t>(node->second.deadline - now());
}

bool Store::sweep(std::uint64_t now, std::size_t most) {
    bool are_left = false;
    for (Shard &shard : shards_) {
        const std::lock_guard<std::mutex> lock(shard.mutex);
        for (std::size_t i = 0; i < most && !shard.deadlines.empty(); ++i) {
            const auto [deadline, node] = *shard.deadlines.begin();
            if (deadline > now) break;
            shard.erase(*node);
        }
        are_left |= !shard.deadlines.empty();
    }
    return are_left;
}

}  // namespace redis_like
