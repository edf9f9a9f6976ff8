// The results of a run: everything that the summary needs. Each thread of a run has its own, which
// no other thread touches; they are added up at the end.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "measure/histogram.hpp"
#include "measure/time_series.hpp"
#include "messages/finding.hpp"

namespace portico::client {

struct Totals {
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_failed = 0;  // could not be opened
    std::uint64_t connections_broken = 0;  // were opened and ended before their work was done
    // of those opened: the ones that replaced a connection that was done
    std::uint64_t connections_replaced = 0;
    std::uint64_t reconnects = 0;  // of those opened: the ones that replaced a broken one
    // messages lost with a connection that was to be opened again
    std::uint64_t outage_failed = 0;
    // the longest time from the first such loss (or the break) to the connection's next reply
    std::uint64_t outage_ns = 0;
    std::uint64_t idle_opened = 0;
    std::uint64_t idle_broken = 0;     // could not be opened, or ended before the run did
    std::uint64_t hostile_opened = 0;  // connections that hostile clients opened
    std::uint64_t hostile_ended = 0;   // of these, those that the server ended
    std::uint64_t hostile_failed = 0;  // connects of hostile clients that failed
    std::uint64_t sent = 0;            // messages whose last byte the system has taken
    // messages that began to leave more than a millisecond after they were due
    std::uint64_t sent_late = 0;
    // messages that were due when the duration was over, and had not begun to leave
    std::uint64_t not_sent = 0;
    // complete replies to messages of the warm-up; other figures include only the wrong ones
    std::uint64_t warm_up = 0;
    std::uint64_t received = 0;  // complete replies, wrong ones too
    std::uint64_t wrong = 0;     // replies that were not as expected
    std::uint64_t lost = 0;      // messages that should have had a reply and had none
    // second replies to a message; `received` has the first one
    std::uint64_t duplicate = 0;
    // of those received: after the reply to a later message of the connection
    std::uint64_t reordered = 0;
    // of those received: after the timeout, at which their messages were given up
    std::uint64_t late = 0;
    std::uint64_t crossed = 0;     // replies to another connection's messages
    std::uint64_t unexpected = 0;  // other replies that answer nothing
    std::uint64_t unanswered = 0;  // messages on their way when the run was interrupted
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t first_send_ns = 0;  // 0: nothing was sent
    std::uint64_t last_send_ns = 0;
    std::uint64_t last_reply_ns = 0;
    bool interrupted = false;
    // The time from handing a message's first byte to the system (with a rate: from the instant at
    // which the message was due) to reading its reply's last byte.
    Histogram latency_ns;
    Histogram service_ns;  // with a rate: the same, from handing it over
    // With a rate: how late this program itself was for each message, before it checked whether the
    // connection could take it; and the longest time that received bytes may have waited for this
    // program.
    Histogram lag_ns;
    Histogram read_lag_ns;
    // how long successful connects took
    Histogram connect_ns;
    TimeSeries series;
    // why connections failed or broke, and how many did
    std::map<std::string, std::uint64_t> failures;
    std::uint64_t failures_without_reason = 0;  // failures whose reason found no memory

    // wrong, lost, duplicate, ..., by Finding::Kind.
    [[nodiscard]] std::array<std::uint64_t, finding_kinds> findings() const noexcept {
        return {wrong, lost, duplicate, reordered, late, crossed, unexpected};
    }

    // Adds another thread's totals.
    void add(const Totals& other);
};

}  // namespace portico::client
