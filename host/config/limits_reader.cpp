#include "config/limits_reader.hpp"

#include <string>

namespace portico::config {

namespace {

constexpr std::uint32_t gibibyte = 1'073'741'824;

}  // namespace

void read_limits(ObjectReader reader, Limits& limits) {
    reader.integer("connections", limits.connections, 1, 1'000'000);
    const bool high_fits = reader.integer("send_queue_bytes", limits.send_queue_bytes, 64,
                                          gibibyte);
    if (high_fits) {
        reader.integer(
            "send_queue_low_bytes", limits.send_queue_low_bytes, 0, limits.send_queue_bytes - 1,
            "less than send_queue_bytes, which is " + std::to_string(limits.send_queue_bytes));
    } else {
        reader.integer("send_queue_low_bytes", limits.send_queue_low_bytes, 0, gibibyte - 1);
    }
    reader.integer("max_send_bytes", limits.max_send_bytes, 1, gibibyte);
    reader.integer("unconsumed_bytes", limits.unconsumed_bytes, 1, gibibyte);
    reader.integer("idle_timeout_ms", limits.idle_timeout_ms, 0, timeout_ms_max);
    reader.integer("half_close_timeout_ms", limits.half_close_timeout_ms, 1, timeout_ms_max);
    reader.integer("close_timeout_ms", limits.close_timeout_ms, 1, timeout_ms_max);
    reader.integer("keepalive_idle_ms", limits.keepalive_idle_ms, 0, keepalive_ms_max);
    reader.integer("keepalive_interval_ms", limits.keepalive_interval_ms, 1, keepalive_ms_max);
    reader.integer("keepalive_probes", limits.keepalive_probes, 1, keepalive_probes_max);
    reader.integer("unacknowledged_timeout_ms", limits.unacknowledged_timeout_ms, 0,
                   timeout_ms_max);
    reader.reject_unknown_keys();
}

}  // namespace portico::config
