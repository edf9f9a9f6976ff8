// What goes wrong in a run, and how often. Swarm testing: each run enables a random subset of the
// faults with random rates, so that over many seeds every combination is met, also those in which a
// fault is *not* there to hide what another one would show.
//
// A chance is in parts of 65,536 for each opportunity (Random::chance); 0 is off. The world may
// change the mix of a run that is under way (quiet() before a check of liveness): the network and
// the port look at it each time. Nothing of it ever breaks the contract of
// host/io/completion_port.hpp.
#pragma once

#include <cstdint>

#include "sim/random.hpp"

namespace portico::sim {

struct FaultMix {
    // ---- the port
    std::uint64_t operation_delay_ns_max =
        // each operation takes up to this long beyond what it waits for (skewed), so that
        // completions reorder
        0;
    // wait() hands out a completion that is not the oldest one (those of one thread's posts and
    // timers keep
    std::uint32_t shuffle = 0;
    // their order)
    std::uint32_t early_return = 0;     // wait() returns 0 though nobody woke it
    std::uint32_t short_batch = 0;      // wait() hands out fewer than there are
    std::uint32_t partial_receive = 0;  // a receive brings fewer bytes than are there
    std::uint32_t partial_send = 0;     // a send takes fewer bytes than there is room for
    // send_at_once(), accept_at_once() try in the call; else they are a send(), an accept()
    std::uint32_t at_once = 0;
    std::uint32_t late_send = 0;  // a send that may complete late does
    // a cancel loses the race: the operation goes on for a while, and completes with success if it
    // can
    std::uint32_t late_cancel = 0;
    // a receive fails with Error::no_buffers (the system's memory, not the pool)
    std::uint32_t receive_no_buffers = 0;
    std::uint32_t send_no_buffers = 0;  // likewise a send
    // an accept takes a connection whose peer is gone already: its first receive or send is a reset
    std::uint32_t accept_aborted = 0;
    std::uint32_t accept_no_descriptors = 0;
    std::uint32_t accept_no_memory = 0;
    std::uint32_t attach_fails = 0;  // CompletionPort::attach refuses
    // each timer comes so much later than it should; constant during a run
    std::uint64_t timer_late_ns = 0;
    // a send that found no room goes on only when a third of the buffer is free
    bool room_in_steps = false;
    bool tells_age = false;  // Socket::progress says when it last heard of the peer

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
    // a reset destroys what was received and not yet read (Windows), else it stays readable (Linux)
    std::uint32_t reset_discards = 0;

    // ---- the clock
    std::uint32_t clock_jump = 0;  // at a step, time jumps ahead
    std::uint64_t clock_jump_ns_max = 0;

    // No faults, hardly a delay.
    [[nodiscard]] static FaultMix none() noexcept { return {}; }
    // A swarm's mix.
    [[nodiscard]] static FaultMix draw(Random& random) noexcept;
    // The same mix with what fails, resets and refuses switched off (delays and partial transfers
    // stay).
    [[nodiscard]] FaultMix quiet() const noexcept;
};

}  // namespace portico::sim
