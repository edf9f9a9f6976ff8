// A run's plan, as plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "io/address.hpp"
#include "load/hostile.hpp"
#include "load/schedule.hpp"
#include "messages/expectation.hpp"
#include "messages/message.hpp"
#include "messages/script.hpp"

namespace portico::client {

struct LoadPlan {
    std::vector<io::Address> addresses;  // tried in this order until one connects
    // local addresses that connections are bound to in turn, of the same family; empty: the system
    // chooses
    std::vector<io::Address> sources;
    std::uint32_t threads = 1;  // at most as many as connections
    std::uint32_t connections = 1;
    std::uint32_t idle = 0;  // further connections, which send nothing
    // the mode of each hostile connection; these are counted separately
    std::vector<Hostile> hostile;
    // messages of each connection; 0: until duration_ns is over
    std::uint64_t count = 1;
    // after so many, a new connection replaces the old one; 0: never
    std::uint64_t messages_per_connection = 0;
    std::uint64_t duration_ns = 0;
    // before the duration: its messages are checked, but count in no figure except `warm_up`
    std::uint64_t warm_up_ns = 0;
    // the connections begin to send one after the other within this time
    std::uint64_t ramp_up_ns = 0;
    // of all connections together, on a fixed schedule; none: as fast as replies come
    Rate rate;
    Arrivals arrivals = Arrivals::even;
    std::uint64_t seed = 1;  // of the arrivals
    std::uint32_t depth = 1;
    std::uint64_t connect_timeout_ns = 0;
    // a connection that breaks is opened again, until the duration is over
    bool reconnect = false;
    // for each reply, even if bytes keep moving; for all of them after the duration is over
    std::uint64_t reply_timeout_ns = 0;
    Framing framing;  // of the messages, which include it
    const MessageSource* messages = nullptr;
    Expectation expectation;
    // The messages are its exchanges. The depth is then 1, there is no rate, and the counts are
    // multiples of its length.
    const Script* script = nullptr;
};

}  // namespace portico::client
