// The plan of a run of the simulated world, drawn from its seed before anything starts: ports and
// threads, services with their limits and framings, the number of peers and foreign threads, the
// time and manner of the stop, and the mix of faults.
//
// Swarm testing: limits are drawn small, so that runs reach them, and each feature is absent in
// many runs, so that it cannot hide what another one would show.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "sim/fault_mix.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"

namespace portico::sim {

constexpr std::uint64_t ms = base::nanoseconds_per_millisecond;
// If nothing delays it, a call that has a time comes so long after that at the latest.
constexpr std::uint64_t overdue_ns = 1'000 * ms;

struct ServicePlan {
    enum class Character : std::uint8_t {
        echo,      // answers each byte once and in order, whatever the limits are
        mischief,  // does everything that the ABI allows, and some things that it does not
    };
    Character character = Character::echo;
    std::uint32_t flags = 0;  // PORTICO_PLUGIN_...
    std::uint32_t blocking_threads = 1;
    // its listener has so many; at most the limit of its connections
    std::uint32_t addresses = 1;
    bool has_on_writable = true;
    bool has_on_end = true;
    bool has_on_drain = true;
    bool has_on_stop = true;
    // Echo: a partly accepted message is held, and a post or another thread resumes it.
    bool resumes_by_post = false;
    bool resumes_from_thread = false;
    bool resumes_inside = false;  // or the very on_data that is then held
    bool waits = false;           // such holds are PORTICO_WAIT
    std::uint32_t executor_threads = 1;
    std::uint32_t executor_queue = 1;
    config::Limits limits;
    config::Framing framing;
};

struct Plan {
    // Like "io" of a configuration, with sizes below the file's minimum.
    bool is_shared = false;
    std::uint32_t threads = 1;         // the shared port's, or the number of ports of one thread
    bool has_accepting_thread = true;  // otherwise accepts share the first port
    std::uint32_t accepts_max = 1;
    std::uint32_t receive_buffer_bytes = 512;
    std::uint32_t receive_buffers = 16;
    std::uint32_t send_chunks = 16;

    std::vector<ServicePlan> services;
    std::uint32_t peers = 8;
    std::uint32_t callers = 0;            // threads of the world's own that call host functions
    bool callers_end_in_destroy = false;  // otherwise before the instances finish
    bool callers_go_on = false;           // or only after all instances are destroyed

    bool has_timers = false;    // callbacks and callers use timers
    bool has_outbound = false;  // and they connect to other servers
    bool has_works = false;     // they give blocking work away
    bool has_lookups = false;   // they look names up
    bool has_operator = false;  // somebody drains services and lets them listen again
    // Mischievous services have groups, and broadcast messages of this size.
    bool has_groups = false;
    std::uint32_t broadcast_bytes = 64;
    bool has_room = false;  // then their queues are never full

    std::uint64_t traffic_ns = 0;  // at most
    // then the world becomes quiet, and all that is owed must happen; otherwise it stops in
    // mid-traffic
    bool settles = true;
    bool is_quiet_at_stop = true;  // the faults end with the stop
    std::uint32_t drain_ms = 1'000;

    // Unusual timing, in some of the runs. Newcomers connect one by one, before anything else
    // happens, to the first service's first address, and stay.
    std::uint32_t newcomers = 0;
    // a chance in 65,536 for each peer to read a little at a time and never stop
    std::uint32_t steady_readers = 0;
    // a chance in 65,536 for each callback to take up to that long, while there is traffic
    std::uint32_t long_callbacks = 0;
    std::uint64_t long_callback_ns_max = 0;
    std::uint64_t first_come_ns_max = 30'000'000;  // peers come within this time

    // Habits of mischievous services, in some of the runs: chances in 65,536 for each on_data. The
    // service answers, closes at once, and leaves the rest.
    std::uint32_t farewells = 0;
    // The service sends until it is refused, and consumes what it was offered.
    std::uint32_t floods = 0;
    // a chance in 65,536 for each send to take another way than a copy of one piece
    std::uint32_t other_ways = 0;

    FaultMix faults;
    SchedulerOptions scheduler;

    [[nodiscard]] static Plan draw(Random random);
};

}  // namespace portico::sim
