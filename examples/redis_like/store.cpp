#include "store.hpp"

#include <limits>

#include "resp.hpp"

namespace redis_like {

Store::Node *Store::find(std::string_view key, Now &now) {
    const auto found = map_.find(key);
    if (found == map_.end()) return nullptr;
    if (found->second.deadline != no_deadline && found->second.deadline <= now()) {
        erase(*found);
        return nullptr;
    }
    return &*found;
}

void Store::erase(Node &node) {
    set_deadline(node, no_deadline);
    map_.erase(map_.find(node.first));
}

void Store::set_deadline(Node &node, std::uint64_t deadline) {
    if (node.second.deadline != no_deadline) deadlines_.erase({node.second.deadline, &node});
    node.second.deadline = no_deadline;  // in case the next line throws
    if (deadline != no_deadline) deadlines_.insert({deadline, &node});
    node.second.deadline = deadline;
}

const std::string *Store::read(std::string_view key, Now &now) {
    Node *const node = find(key, now);
    return node == nullptr ? nullptr : &node->second.value;
}

bool Store::set(std::string_view key, std::string_view value, std::uint64_t deadline, When when,
                Now &now) {
    Node *node = find(key, now);
    if (when == (node == nullptr ? When::if_present : When::if_absent)) return false;
    if (node == nullptr) {
        node = &*map_.emplace(key, Entry{std::string(value), no_deadline}).first;
    } else {
        node->second.value.assign(value);
    }
    if (deadline != no_deadline || node->second.deadline != no_deadline) {
        set_deadline(*node, deadline);
    }
    return true;
}

bool Store::erase(std::string_view key, Now &now) {
    Node *const node = find(key, now);
    if (node != nullptr) erase(*node);
    return node != nullptr;
}

Store::Added Store::add(std::string_view key, std::int64_t amount, Now &now, std::int64_t &sum) {
    Node *const node = find(key, now);
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
        map_.emplace(key, Entry{std::to_string(sum), no_deadline});
    }
    return Added::done;
}

bool Store::expire(std::string_view key, std::uint64_t deadline, Now &now) {
    Node *const node = find(key, now);
    if (node == nullptr) return false;
    if (deadline <= now()) {
        erase(*node);
    } else {
        set_deadline(*node, deadline);
    }
    return true;
}

std::int64_t Store::time_to_live(std::string_view key, Now &now) {
    const Node *const node = find(key, now);
    if (node == nullptr) return -2;
    if (node->second.deadline == no_deadline) return -1;
    return static_cast<std::int64_t>(node->second.deadline - now());
}

bool Store::sweep(std::uint64_t now, std::size_t most) {
    for (; most > 0 && !deadlines_.empty(); --most) {
        const auto [deadline, node] = *deadlines_.begin();
        if (deadline > now) break;
        erase(*node);
    }
    return !deadlines_.empty();
}

}  // namespace redis_like
