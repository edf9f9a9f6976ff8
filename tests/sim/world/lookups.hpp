// The world's lookups: callbacks and foreign threads ask any instance for the addresses of names,
// for any connection or for the instance, and the record of each request is checked with its call.
// The simulated resolver takes its time, so some answers come after the timeout, after the close of
// their connection, or never, because the instance has ended.
//
// An accepted request is answered exactly once, on the strand it belongs to and before that ends:
// with addresses, or for a reason that is true.
//
// Concurrency: as in ledger.hpp, one thread of the run has the baton, and only host functions and
// callbacks give it away.
#pragma once

#include <memory>
#include <vector>

#include "sim/world/ledger.hpp"
#include "sim/world/service.hpp"

#include "portico/ext/resolve.h"

namespace portico::sim {

class WorldLookups {
public:
    WorldLookups(Scheduler& scheduler, Ledger& ledger, Random random);
    ~WorldLookups();
    WorldLookups(const WorldLookups&) = delete;
    WorldLookups& operator=(const WorldLookups&) = delete;

    // For the instances: the simulated resolver.
    [[nodiscard]] static plugin::Resolver::Lookups resolver() noexcept;

    // Asks, cancels, or does nothing: from any thread, in any callback.
    void meddle(Service& from);
    // In on_close, and in destroy.
    void closed(const Line& line);
    void destroyed(const Service& service);
    // Of a world that has been quiet for a while: no answer is overdue.
    void check_overdue();
    // Everything is over.
    void finish();

private:
    struct Asked {
        WorldLookups* all = nullptr;
        std::uint32_t number = 0;
        Service* service = nullptr;
        Line* line = nullptr;  // null: of the instance
        portico_request id = 0;
        std::uint64_t begun_ns = 0;
        std::uint64_t timeout_ns = 0;
        bool is_accepted = false;
        bool is_refused = false;
        bool is_answered = false;
        bool is_cancel_begun = false;
        bool is_cancelled = false;  // cancel has returned PORTICO_OK
    };

    static void PORTICO_CALL on_resolved(void* self, portico_connection connection, void* state,
                                         void* argument, const portico_resolved* resolved);
    void ask(Service& from);
    void cancel(Service& from, Asked& asked);
    void answered(Asked& asked, const void* state, const portico_resolved& resolved);
    [[nodiscard]] base::Result<std::vector<io::Address>> look_up(const std::string& host,
                                                                 std::uint16_t port);
    [[noreturn]] void violated(const Asked& asked, const std::string& what);

    static constexpr std::size_t requests_max = 60;  // of a run

    Scheduler& scheduler_;
    Ledger& ledger_;
    Random random_;
    Random resolver_;
    std::vector<std::unique_ptr<Asked>> all_;
};

}  // namespace portico::sim
