// What a run has come to: everything that the summary is made of. One thread writes it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "histogram.hpp"

namespace portico::client {

struct Totals {
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_failed = 0;  // could not be opened
    std::uint64_t connections_broken = 0;  // were opened and ended before their work was done
    std::uint64_t sent = 0;                // messages whose last byte the system has taken
    std::uint64_t received = 0;            // complete replies, wrong ones too
    std::uint64_t wrong = 0;               // replies that were not as expected
    std::uint64_t lost = 0;                // messages that should have had a reply and had none
    std::uint64_t unexpected = 0;          // replies that answer nothing
    std::uint64_t unanswered = 0;          // messages on their way when the run was interrupted
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t first_send_ns = 0;  // 0: nothing was sent
    std::uint64_t last_reply_ns = 0;
    bool interrupted = false;
    Histogram latency_ns;                           // from handing a message's first byte to the system to reading its reply's last byte
    std::map<std::string, std::uint64_t> failures;  // why connections failed or broke, and how many did
};

}  // namespace portico::client
