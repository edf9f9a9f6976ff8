// The state that the connections of one thread share.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "io/completion_port.hpp"
#include "load/plan.hpp"
#include "load/schedule.hpp"
#include "measure/observer.hpp"
#include "measure/totals.hpp"

namespace portico::client {

class Session;

struct SessionContext {
    io::CompletionPort& port;
    const LoadPlan& plan;
    GuardedObserver& observer;
    Totals totals;
    std::size_t send_buffer_bytes = 0;  // of each session
    std::size_t address = 0;            // index in plan.addresses at which connects begin
    std::size_t source = 0;             // how many sockets were bound to one of plan.sources
    bool has_connected = false;         // so `address` is known to be good
    bool has_tried = false;             // a connect has succeeded or failed
    std::uint32_t connecting = 0;       // connections that wait for their connect
    std::uint32_t done = 0;             // sessions that are done
    std::uint32_t idle_waiting = 0;     // idle connections that are to connect again
    bool draining = false;              // no further message begins
    // messages that are still unanswered then are lost; set together with draining
    std::uint64_t replies_end_ns = UINT64_MAX;
    std::uint64_t began_ns = 0;  // when the run began; 0: not yet
    Schedule schedule;           // with a rate, once the run has begun
    // messages that began, or were due, before this belong to the warm-up
    std::uint64_t measured_from_ns = 0;
    // sessions that wait for their next connect; has room for all
    std::vector<Session*> reconnecting;
    // with a rate: the completions of this wait arrived at this time or later
    std::uint64_t came_after_ns = 0;
    Finding finding{};          // the finding that is being reported
    std::uint64_t now_ns = 0;   // when the clock was read last
    bool is_now_fresh = false;  // and nothing has been done since

    [[nodiscard]] bool has_begun() const noexcept { return began_ns != 0; }
    // Only for a run with a duration.
    [[nodiscard]] std::uint64_t end_ns() const noexcept {
        return began_ns + plan.warm_up_ns + plan.duration_ns;
    }

    // The clock is read once for each completion: handling one takes a microsecond or two.
    void read_clock() noexcept {
        if (!std::exchange(is_now_fresh, false)) {
            now_ns = port.now();
        }
    }

    // Opens a socket on this thread's port for a connect to `remote`.
    [[nodiscard]] base::Result<void> open(io::Socket& socket, const io::Address& remote) noexcept {
        const std::size_t sources = plan.sources.size();
        try {
            auto opened = sources == 0
                              ? socket.open_for_connect(remote.family)
                              : socket.open_for_connect_from(plan.sources[source++ % sources]);
            return opened ? port.attach(socket) : opened;
        } catch (const std::bad_alloc&) {           // of the failure's sentence
            return base::Failure{"out of memory"};  // such a short text allocates nothing
        }
    }

    // `reason()` makes a sentence. Without memory for it, the failure is counted anyway.
    template <class Reason>
    void note_failure(const Reason& reason) noexcept {
        try {
            ++totals.failures[reason()];
        } catch (const std::bad_alloc&) {
            ++totals.failures_without_reason;
        }
    }
};

// "Connection refused (111)".
[[nodiscard]] inline std::string reason_of(const io::Operation& operation) {
    return operation.native_error != 0 ? io::native_error_text(operation.native_error)
                                       : std::string(io::to_string(operation.error));
}

}  // namespace portico::client
