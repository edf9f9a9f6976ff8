// The world's blocking work: callbacks and foreign threads give work to the executor of any
// instance, for any connection or for the instance, and the record of each piece is checked with
// each of its calls. Helper threads take their time over it, so some of it ends late: after the
// close of its connection, during the stop. They also call host functions.
//
// Accepted work is done exactly once, and what follows it runs exactly once, before destroy: with
// the connection's state if that is still open, or with none.
//
// Concurrency: as in ledger.hpp, one thread of the run has the baton, and only host functions and
// callbacks give it away.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "sim/world/ledger.hpp"
#include "sim/world/service.hpp"

#include "portico/ext/executor.h"

namespace portico::sim {

class WorldWorks {
public:
    WorldWorks(Scheduler& scheduler, Ledger& ledger, Random random)
        : scheduler_(scheduler), ledger_(ledger), random_(random) {}

    // Gives a piece of work away, or does nothing: from any thread, in any callback.
    void meddle(Service& from);
    // In destroy.
    void destroyed(const Service& service);
    // Everything is over.
    void finish();

private:
    struct Piece {
        WorldWorks* works = nullptr;
        std::uint32_t number = 0;
        Service* service = nullptr;
        Line* line = nullptr;  // null: for the instance
        bool is_accepted = false;
        bool is_refused = false;
        bool has_begun = false;
        bool has_ended = false;
        bool is_done = false;
    };

    static void PORTICO_CALL on_work(void* self, void* argument);
    static void PORTICO_CALL on_done(void* self, portico_connection connection, void* state,
                                     void* argument, portico_status status);
    void give(Service& from);
    void answered(Piece& piece, portico_status status, std::size_t most_left);
    void work(Piece& piece, const void* self);
    void done(Piece& piece, const void* state, portico_status status);
    // Pieces of the service that may wait or be under way.
    [[nodiscard]] std::size_t left_of(const Service& service) const;
    [[noreturn]] void violated(const Piece& piece, const std::string& what);

    static constexpr std::size_t pieces_max = 60;  // of a run

    Scheduler& scheduler_;
    Ledger& ledger_;
    Random random_;
    std::vector<std::unique_ptr<Piece>> all_;
    std::map<const Service*, std::uint32_t> running_;
};

}  // namespace portico::sim
