// The world's timers: callbacks and foreign threads start, restart and cancel timers of any
// connection and any instance, and the record of each timer is checked with each of its calls.
//
// A timer is never early, it has exactly one last call, which is marked, none after its
// connection's on_close or its instance's destroy, and none with PORTICO_OK after a cancel. If its
// last call is certain it can be neither restarted nor cancelled. The periods of a periodic timer's
// calls leave none out. At the end of a quiet world nothing is overdue.
//
// Concurrency: as in ledger.hpp, one thread of the run has the baton, and only host functions and
// callbacks give it away.
#pragma once

#include <memory>
#include <vector>

#include "sim/world/ledger.hpp"
#include "sim/world/service.hpp"

#include "portico/ext/timer.h"

namespace portico::sim {

class WorldTimers {
public:
    WorldTimers(Scheduler& scheduler, Ledger& ledger, Random random)
        : scheduler_(scheduler), ledger_(ledger), random_(random) {}

    // Starts, restarts or cancels one, or does nothing: from any thread, in any callback.
    void meddle(Service& from);
    // In on_close; in destroy.
    void closed(const Line& line);
    void destroyed(const Service& service);
    // Of a world that has been quiet for a while: no timer is overdue.
    void check_overdue();
    // Everything is over.
    void finish();

private:
    struct Timer {
        WorldTimers* timers = nullptr;
        std::uint32_t number = 0;
        Service* service = nullptr;
        Line* line = nullptr;  // null: of the instance
        portico_timer id = 0;  // 0 until start has returned
        bool is_periodic = false;
        // 0: it has none, or was restarted, and then it is not known when it is due.
        std::uint64_t period_ns = 0;
        std::uint64_t next_due_ns = 0;  // after a call; 0: unknown
        // A call with PORTICO_OK before this instant is early.
        std::uint64_t not_before_ns = 0;
        std::uint64_t due_ns = 0;  // the latest time for which it may be due
        std::uint32_t oks = 0;
        std::uint32_t restarts_running = 0;
        std::uint32_t restarts_begun = 0;
        bool is_cancelled = false;  // a cancel has returned PORTICO_OK
        std::uint32_t cancels_begun = 0;
        std::uint32_t oks_after_cancel = 0;
        bool is_accepted = false;
        bool is_refused = false;
        bool is_over = false;
    };

    static void PORTICO_CALL on_timer(void* self, portico_connection connection, void* state,
                                      void* argument, const portico_timer_event* event);
    void called(Timer& timer, const void* state, const portico_timer_event& event);
    void fired(Timer& timer, const portico_timer_event& event);
    [[nodiscard]] static bool must_be_gone(const Service& from, const Timer& timer);
    void start(Service& from);
    void restart(Service& from, Timer& timer);
    void cancel(Service& from, Timer& timer);
    [[nodiscard]] const portico_timers* table(Service& from) const;
    [[noreturn]] void violated(const Timer& timer, const std::string& what);
    [[nodiscard]] std::uint32_t draw_ms();

    // Runs a host function: meanwhile no callback may run on this thread.
    template <class Call>
    portico_status inside(Call&& call);

    static constexpr std::size_t timers_max = 120;  // of a run
    static constexpr std::uint32_t periods_max = 12;

    Scheduler& scheduler_;
    Ledger& ledger_;
    Random random_;
    std::vector<std::unique_ptr<Timer>> all_;
};

}  // namespace portico::sim
