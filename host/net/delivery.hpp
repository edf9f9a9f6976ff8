// One broadcast, while its call lasts: brings one copy of some bytes to one connection after the
// other, as sharing.hpp says, and gathers those that a walk will reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/parts.hpp"
#include "net/shared_bytes.hpp"
#include "net/slot_key.hpp"

namespace portico::net {

class Walk;
class WorkerGroup;

class Delivery {
public:
    // One walk has at most so many: its thread begins while the next one is gathered.
    static constexpr std::size_t walk_members = 1'024;

    // To at most `members` connections, at least one. Throws std::bad_alloc. `aborts_full`: a
    // connection whose queue is full is aborted.
    Delivery(const ConnectionTable& table, const ConnectionContext& context, const Parts& parts,
             std::size_t members, bool aborts_full);
    // Sends the last walks.
    ~Delivery();
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // In the order of the slots. If there is no memory for it, its queue counts as full.
    void to(SlotKey key) noexcept;

private:
    // What goes to one worker group.
    struct Leg {
        WorkerGroup* home = nullptr;
        Share* share = nullptr;
        Walk* walk = nullptr;  // with room, or null
    };

    // With room in its walk. Null if memory is out.
    [[nodiscard]] Leg* leg_to(WorkerGroup& home) noexcept;
    [[nodiscard]] Leg* find_or_make(WorkerGroup& home) noexcept;

    const ConnectionTable& table_;
    const ConnectionContext& context_;
    const bool aborts_full_;
    std::size_t left_;  // of the members
    SharedBytes* bytes_ = nullptr;
    Share* for_mail_ = nullptr;
    std::vector<Leg> legs_;
    std::size_t last_leg_ = 0;  // neighbours among the slots often have one home
};

}  // namespace portico::net
