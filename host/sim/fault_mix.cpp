#include "sim/fault_mix.hpp"

namespace portico::sim {

namespace {

constexpr std::uint64_t us = 1'000;
constexpr std::uint64_t ms = 1'000'000;

// Half of the runs do not have the fault; the others meet it seldom or often.
std::uint32_t maybe(Random& random, std::uint32_t most) noexcept {
    return random.one_in(2) ? 0 : static_cast<std::uint32_t>(1 + random.skewed(most - 1));
}

}  // namespace

FaultMix FaultMix::draw(Random& random) noexcept {
    FaultMix mix;
    mix.operation_delay_ns_max = random.one_in(4) ? 0 : 1 + random.skewed(5 * ms);
    mix.shuffle = maybe(random, 65'536);
    mix.early_return = maybe(random, 8'192);
    mix.short_batch = maybe(random, 32'768);
    mix.partial_receive = maybe(random, 65'536);
    mix.partial_send = maybe(random, 65'536);
    mix.at_once = random.one_in(4) ? 0 : static_cast<std::uint32_t>(1 + random.below(65'536));
    mix.late_send = random.one_in(4) ? 0 : static_cast<std::uint32_t>(1 + random.below(65'536));
    mix.late_cancel = maybe(random, 65'536);
    mix.receive_no_buffers = maybe(random, 512);
    mix.send_no_buffers = maybe(random, 512);
    mix.accept_aborted = maybe(random, 8'192);
    mix.accept_no_descriptors = maybe(random, 16'384);
    mix.accept_no_memory = maybe(random, 16'384);
    mix.attach_fails = maybe(random, 2'048);
    mix.latency_ns_max = 1 + random.skewed(2 * ms);
    mix.segment_bytes_max = random.one_in(2) ? 0
                                             : static_cast<std::uint32_t>(1 + random.skewed(2'000));
    mix.buffer_bytes = random.one_in(2) ? 65'536
                                        : static_cast<std::uint32_t>(64 + random.skewed(16'000));
    mix.refused = maybe(random, 8'192);
    mix.unreachable = maybe(random, 4'096);
    mix.reset_connection = maybe(random, 512);
    mix.reset_discards = random.one_in(2) ? 0 : 65'536;
    if (random.one_in(4)) {
        mix.clock_jump = static_cast<std::uint32_t>(1 + random.below(64));
        mix.clock_jump_ns_max = 100 * us + random.skewed(20'000 * ms);
    }
    return mix;
}

FaultMix FaultMix::quiet() const noexcept {
    FaultMix mix = *this;
    mix.receive_no_buffers = 0;
    mix.send_no_buffers = 0;
    mix.accept_aborted = 0;
    mix.accept_no_descriptors = 0;
    mix.accept_no_memory = 0;
    mix.attach_fails = 0;
    mix.refused = 0;
    mix.unreachable = 0;
    mix.reset_connection = 0;
    mix.clock_jump = 0;
    return mix;
}

}  // namespace portico::sim
