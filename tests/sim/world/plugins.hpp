// The plugins of the simulated world: written against the C ABI as any plugin is, but linked in.
//
// An echo answers every byte, in order, whatever the limits are: it is held by full queues and goes
// on when they let it, which shows whether nothing that it relies on is forgotten. Mischief does at
// random what the ABI allows, from every callback and to any connection, and also what it does not
// allow: it answers errors, takes more than there is, never closes. Neither may shake the host, or
// another connection.
#pragma once

#include "sim/world/calls.hpp"

namespace portico::sim {

class Plugin {
public:
    Plugin(Scheduler& scheduler, Ledger& ledger, Calls& calls, Service& service, Random random);

    [[nodiscard]] const portico_plugin& table() const noexcept { return table_; }
    // The service whose instance is created next on this thread: create has no other way to know.
    static void creating(Service& service) noexcept;
    // What ends here is to have ended when the instance is destroyed.
    std::function<void()> on_destroy;

    // What any thread may do to any connection: a call, drawn at random. For the world's threads,
    // and for mischief in callbacks.
    void meddle(bool from_thread);

    // Callbacks may take long: while there is traffic, in runs whose plan says so.
    bool is_unhurried = false;
    std::function<void()> on_long_callback;  // one begins

    struct Callbacks;  // the C functions of the table

private:
    portico_status on_open(Line& line, void** state);
    portico_status on_data(Line& line, std::span<const std::byte> data, std::uint64_t& consumed);
    portico_status echo(Line& line, std::span<const std::byte> data, std::uint64_t& consumed);
    portico_status say_farewell(Line& line, std::size_t size, std::uint64_t& consumed);
    void flood(Line& line);
    portico_status on_writable(Line& line);
    portico_status on_end(Line& line);
    portico_status on_drain(Line& line);
    void on_close(Line& line);
    void on_posted(Posted& posted);

    // Some calls of meddle(), while the line has mischief left; or none.
    void misbehave(Line* line);
    // An answer of a mischievous callback: mostly OK.
    [[nodiscard]] portico_status draw_answer(Line& line);
    [[nodiscard]] Calls::Target draw_target();
    // Time passes in a callback: other threads run, and where callbacks may block, it may block. It
    // may take long, too.
    void linger();

    Scheduler& scheduler_;
    Ledger& ledger_;
    Calls& calls_;
    Service& service_;
    Random random_;
    portico_plugin table_{};
};

}  // namespace portico::sim
