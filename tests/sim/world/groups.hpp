// The world's groups and broadcasts: callbacks and foreign threads let connections of mischievous
// services join and leave groups, and broadcast to them. What the peers receive is checked with
// the record of each broadcast.
//
// A broadcast arrives at most once, whole, at nobody who was surely no member, and at its place:
// after all that the same thread had sent to the connection before, and before all that it sent
// later. If the queues have room, it arrives at everybody who was surely a member, unless something
// other than the plugin ended the connection.
//
// Whether the host has accepted a broadcast for a connection is known only when it arrives. So its
// bytes count as accepted from then on.
//
// Concurrency: as in ledger.hpp.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "sim/world/ledger.hpp"
#include "sim/world/service.hpp"

#include "portico/ext/connections.h"

namespace portico::sim {

class WorldGroups {
public:
    WorldGroups(Scheduler& scheduler, Ledger& ledger, Random random)
        : scheduler_(scheduler), ledger_(ledger), random_(random) {}

    // Makes one of its calls, or none: from any thread, in any callback.
    void meddle(Service& from);
    // In on_open.
    void opened(Line& line);

    // ---- What a peer receives (Ledger::received).
    // A broadcast's first byte; its header; all of it.
    void begins(Attempt& attempt);
    void arrives(Attempt& attempt, const MessageHeader& header);

    // Bytes that the host may have accepted for it and that have not come.
    [[nodiscard]] std::uint64_t bytes_on_the_way(const Line& line) const;
    // Of an open connection in a world that has been quiet for a while: a broadcast is missing.
    [[nodiscard]] bool is_awaited_by(const Line& line) const;
    // All connections are over. `ended_by_plugin`: the plugin closed it in order, and nothing else
    // can have lost what it was sent.
    void finish(const Line& line, bool ended_by_plugin);

private:
    static constexpr std::uint64_t groups_count = 3;   // 1 to 3; 0 is everybody
    static constexpr std::size_t broadcasts_max = 60;  // of a run

    // What is known of a membership. Each change makes it `unknown` until its call has returned; if
    // another one ran meanwhile, it stays so.
    struct Membership {
        enum class State : std::uint8_t { out, unknown, in };
        State state = State::out;
        std::uint32_t calls_begun = 0;
        std::uint32_t calls_running = 0;
    };
    struct Receiver {
        bool is_sure = false;  // it must get it
        bool has_come = false;
        std::uint32_t accepted_before = 0;  // of the sender's messages
    };
    struct Broadcast {
        const Service* service = nullptr;
        std::uint64_t group = 0;
        std::uint32_t sender = 0;
        const Line* except = nullptr;
        bool aborts = false;  // members whose queue is full
        bool is_running = true;
        bool is_accepted = true;                    // or may be
        std::map<const Line*, Receiver> receivers;  // those who may get it
    };
    using Memberships = std::array<Membership, groups_count + 1>;

    [[nodiscard]] const portico_connections* table(Service& from) const;
    [[nodiscard]] bool is_sure_member(const Line& line, const Service& from, std::uint64_t group);
    [[nodiscard]] static bool is_untouched(const Line& line);
    void change(Service& from, Line& line, bool joins);
    void broadcast(Service& from);
    void list(Service& from);
    static void may_get(Broadcast& broadcast, Line& line);
    // Running broadcasts may reach it.
    void may_become_member(Line& line, std::uint64_t group);

    // Runs a host function: meanwhile no callback may run on this thread.
    template <class Call>
    portico_status inside(Call&& call);

    Scheduler& scheduler_;
    Ledger& ledger_;
    Random random_;
    std::map<const Line*, Memberships> memberships_;
    std::vector<std::unique_ptr<Broadcast>> all_;
};

}  // namespace portico::sim
