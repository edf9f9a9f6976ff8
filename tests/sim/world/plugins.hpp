// The plugins of the simulated world: written against the C ABI like any plugin, but linked in.
//
// An echo answers every byte in order, whatever the limits are. Full queues hold it, and it goes on
// when they have room, which shows whether the host forgets anything that it relies on. Mischief
// does at random what the ABI allows, from every callback and to any connection. It also does what
// the ABI forbids: returns errors, consumes more than there is, never closes. Neither may harm the
// host or another connection.
#pragma once

#include "sim/world/calls.hpp"

namespace portico::sim {

class WorldGroups;
class WorldLookups;
class WorldOutbound;
class WorldTimers;
class WorldWorks;

class Plugin {
public:
    Plugin(Scheduler& scheduler, Ledger& ledger, Calls& calls, Service& service, Random random);

    [[nodiscard]] const portico_plugin& table() const noexcept { return table_; }
    // Sets the service whose instance is created next on this thread; create cannot learn it
    // otherwise.
    static void creating(Service& service) noexcept;
    // It must have returned when the instance is destroyed.
    std::function<void()> on_destroy;

    // Makes a random call, as any thread may for any connection. For the world's threads, and for
    // mischief in callbacks.
    void meddle(bool from_thread);
    // An owned send is released.
    void on_released(Line& line);

    // Callbacks may take long while there is traffic, if the plan says so.
    bool is_unhurried = false;
    std::function<void()> on_long_callback;  // one begins
    WorldTimers* timers = nullptr;           // null: it uses none
    WorldWorks* works = nullptr;             // null: it has no blocking work
    WorldGroups* groups = nullptr;           // the same
    WorldLookups* lookups = nullptr;         // null: it looks nothing up
    WorldOutbound* outbound = nullptr;       // null: it does not connect

    struct Callbacks;  // the C functions of the table

private:
    portico_status on_open(Line& line, void** state);
    portico_status on_data(Line& line, std::span<const std::byte> data, std::uint64_t& consumed);
    // Holds until a post, another thread, or this very callback resumes.
    portico_status hold_until_resumed(Line& line, std::size_t done, std::size_t size,
                                      std::uint64_t& consumed);
    portico_status echo(Line& line, std::span<const std::byte> data, std::uint64_t& consumed);
    portico_status say_farewell(Line& line, std::size_t size, std::uint64_t& consumed);
    void flood(Line& line);
    portico_status on_writable(Line& line);
    portico_status on_end(Line& line);
    portico_status on_drain(Line& line);
    void on_close(Line& line);
    void on_posted(Posted& posted);
    portico_status on_stop();

    // Makes some calls of meddle(), or none, as long as the line has mischief left.
    void misbehave(Line* line);
    // A mischievous callback's return value: mostly OK.
    [[nodiscard]] portico_status draw_answer(Line& line);
    // PORTICO_WOULD_BLOCK, if it is certain what that means; else the answer as it is.
    [[nodiscard]] portico_status may_block(Line& line, portico_status answer);
    [[nodiscard]] Calls::Target draw_target();
    // Lets time pass in a callback: other threads run, and if callbacks may block, it may block. It
    // may also take long.
    void linger();

    Scheduler& scheduler_;
    Ledger& ledger_;
    Calls& calls_;
    Service& service_;
    Random random_;
    portico_callbacks callbacks_{};
    portico_plugin table_{};
};

}  // namespace portico::sim
