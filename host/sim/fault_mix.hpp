// The faults of a run, and how often each one occurs. Swarm testing: each run enables a random
// subset of the faults with random rates. So many seeds meet every combination, even those in which
// a fault is *absent* and cannot hide what another one would show.
//
// A chance is in parts of 65,536 for each opportunity (Random::chance); 0 is off. The world may
// change the mix during a run (quiet() before a check of liveness): the network and the port read
// it each time. No fault breaks the contract of host/io/completion_port.hpp.
#pragma once

#include <cstdint>

#include "sim/random.hpp"

namespace portico::sim {

struct FaultMix {
    // ---- the port
    // each operation takes up to this much longer than it must (skewed), so that completions
    // reorder
    std::uint64_t operation_delay_ns_max = 0;
    // wait() hands out a completion that is not the oldest (one thread's posts keep their order,
    // and so do timers)
    std::uint32_t shuffle = 0;
    std::uint32_t early_return = 0;     // wait() returns 0 though nobody woke it
    std::uint32_t short_batch = 0;      // wait() hands out fewer than there are
    std::uint32_t partial_receive = 0;  // a receive brings fewer bytes than there are
    std::uint32_t partial_send = 0;     // a send takes fewer bytes than there is room for
    // send_at_once() and accept_at_once() try in the call; otherwise they equal send() and accept()
    std::uint32_t at_once = 0;
    std::uint32_t late_send = 0;  // a send that may complete late does so
    // a cancel loses the race: the operation stays in flight for a while, and succeeds if it can
    std::uint32_t late_cancel = 0;
    // a receive fails with Error::no_buffers (the system's memory, not the pool)
    std::uint32_t receive_no_buffers = 0;
    std::uint32_t send_no_buffers = 0;  // the same for a send
    // an accept takes a connection whose peer has already gone: its first receive or send is a
    // reset
    std::uint32_t accept_aborted = 0;
    std::uint32_t accept_no_descriptors = 0;
    std::uint32_t accept_no_memory = 0;
    std::uint32_t attach_fails = 0;  // CompletionPort::attach refuses
    // each timer is this much too late; constant during a run
    std::uint64_t timer_late_ns = 0;
    // a send that found no room continues only when a third of the buffer is free
    bool room_in_steps = false;
    bool tells_age = false;  // Socket::progress reports when it last heard from the peer

    // ---- the network
    // each segment travels 1 ns to this long; in order within its stream
    std::uint64_t latency_ns_max = 50'000;
    // streams are cut into segments of up to this many bytes; 0: as they were written
    std::uint32_t segment_bytes_max = 0;
    std::uint32_t buffer_bytes = 65'536;  // room of each direction at each end
    std::uint32_t refused = 0;            // a connect is refused though somebody listens
    std::uint32_t unreachable = 0;        // a connect fails after a while
    // a segment is lost with its connection: both ends see a reset
    std::uint32_t reset_connection = 0;
    // a reset destroys what was received and not yet read (Windows); otherwise it stays readable
    // (Linux)
    std::uint32_t reset_discards = 0;

    // ---- the clock
    std::uint32_t clock_jump = 0;  // at a step, time jumps ahead
    std::uint64_t clock_jump_ns_max = 0;

    // No faults, hardly any delay.
    [[nodiscard]] static FaultMix none() noexcept { return {}; }
    // The mix of one run in a swarm.
    [[nodiscard]] static FaultMix draw(Random& random) noexcept;
    // The same mix without failures, resets and refusals (delays and partial transfers stay).
    [[nodiscard]] FaultMix quiet() const noexcept;
};

}  // namespace portico::sim
