// The keyspace of an instance: strings by key, some with a deadline. All workers share it. Keys are
// spread over shards, each with a lock of its own, so two workers rarely wait for each other.
//
// A key whose deadline has passed is gone for every reader at once. Its memory is given back when
// somebody touches it, or by sweep(). Times are milliseconds of the caller's clock (now.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "now.hpp"

namespace redis_like {

class Store {
public:
    static constexpr std::uint64_t no_deadline = 0;
    enum class When : std::uint8_t { always, if_absent, if_present };
    enum class Added : std::uint8_t { done, no_integer, overflow };

    // Calls `use` with the value, under the lock. False: there is no such key.
    template <class Use>
    bool read(std::string_view key, Now &now, Use &&use) {
        const Hashed hashed(key);
        Shard &shard = shard_of(hashed);
        const std::lock_guard<std::mutex> lock(shard.mutex);
        Node *const node = shard.find(hashed, now);
        if (node != nullptr) use(std::string_view(node->second.value));
        return node != nullptr;
    }

    // False: `when` did not allow it.
    bool set(std::string_view key, std::string_view value, std::uint64_t deadline, When when,
             Now &now);
    bool erase(std::string_view key, Now &now);
    // The key begins as 0. `sum` is the new value.
    Added add(std::string_view key, std::int64_t amount, Now &now, std::int64_t &sum);
    // False: there is no such key. A deadline that has passed erases it.
    bool expire(std::string_view key, std::uint64_t deadline, Now &now);
    // The milliseconds that are left; -1: no deadline, -2: no key.
    std::int64_t time_to_live(std::string_view key, Now &now);

    // Erases keys whose deadline has passed, up to `most` in each shard. True: keys with a deadline
    // are left.
    bool sweep(std::uint64_t now, std::size_t most);

private:
    struct Hashed {
        explicit Hashed(std::string_view of) : key(of), hash(std::hash<std::string_view>()(of)) {}
        std::string_view key;
        std::size_t hash;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const Hashed &key) const { return key.hash; }
        std::size_t operator()(const std::string &key) const {
            return std::hash<std::string_view>()(key);
        }
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(const std::string &a, const std::string &b) const { return a == b; }
        bool operator()(const Hashed &a, const std::string &b) const { return a.key == b; }
        bool operator()(const std::string &a, const Hashed &b) const { return a == b.key; }
    };
    struct Entry {
        std::string value;
        std::uint64_t deadline = no_deadline;
    };
    using Map = std::unordered_map<std::string, Entry, Hash, Equal>;
    using Node = Map::value_type;  // stays where it is until it is erased

    struct alignas(64) Shard {
        // nullptr: there is none; one whose deadline has passed is erased
        Node *find(const Hashed &key, Now &now);
        void erase(Node &node);
        void set_deadline(Node &node, std::uint64_t deadline);

        std::mutex mutex;
        Map map;
        std::set<std::pair<std::uint64_t, Node *>> deadlines;
    };

    static constexpr std::size_t shard_bits = 6;
    Shard &shard_of(const Hashed &key) { return shards_[key.hash >> (64 - shard_bits)]; }

    std::array<Shard, std::size_t{1} << shard_bits> shards_;
};

}  // namespace redis_like
