// The keyspace of an instance: strings by key, some with a deadline. It needs no lock, because the
// plugin's callbacks are serial.
//
// A key whose deadline has passed is gone for every reader at once. Its memory is given back when
// somebody touches it, or by sweep(). Times are milliseconds of the caller's clock (now.hpp).
#pragma once

#include <cstdint>
#include <functional>
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

    // The value, until the next change; nullptr: there is no such key.
    const std::string *read(std::string_view key, Now &now);

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

    // Erases up to `most` keys whose deadline has passed. True: keys with a deadline are left.
    bool sweep(std::uint64_t now, std::size_t most);

private:
    // Both kinds of string find a key, so that a look-up copies nothing.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const {
            return std::hash<std::string_view>()(key);
        }
    };
    struct Entry {
        std::string value;
        std::uint64_t deadline = no_deadline;
    };
    using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
    using Node = Map::value_type;  // stays where it is until it is erased

    // nullptr: there is none; one whose deadline has passed is erased
    Node *find(std::string_view key, Now &now);
    void erase(Node &node);
    void set_deadline(Node &node, std::uint64_t deadline);

    Map map_;
    std::set<std::pair<std::uint64_t, Node *>> deadlines_;
};

}  // namespace redis_like
