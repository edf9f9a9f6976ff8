// What a run is to do, as plain data.
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
    std::vector<io::Address> addresses;  // tried in their order until one connects
    // what connections are bound to, in turn, of the addresses' family; empty: the system chooses
    std::vector<io::Address> sources;
    std::uint32_t threads = 1;  // at most as many as connections
    std::uint32_t connections = 1;
    std::uint32_t idle = 0;  // further connections, which say nothing
    // one for each that is no friend; what they do counts apart
    std::vector<Hostile> hostile;
    // messages of each connection; 0: until duration_ns is over
    std::uint64_t count = 1;
    // after so many a new connection takes the place of the old one; 0: never
    std::uint64_t messages_per_connection = 0;
    std::uint64_t duration_ns = 0;
    // before it: what is sent then is checked, and in no figure but `warm_up`
    std::uint64_t warm_up_ns = 0;
    // over so long the connections begin to send, one after the other
    std::uint64_t ramp_up_ns = 0;
    // over all connections, on a fixed schedule; none: as fast as replies come
    Rate rate;
    Arrivals arrivals = Arrivals::even;
    std::uint64_t seed = 1;  // of the arrivals
    std::uint32_t depth = 1;
    std::uint64_t connect_timeout_ns = 0;
    // a connection that breaks comes again, to the end of the duration
    bool reconnect = false;
    // for each reply, whatever bytes move meanwhile; all, once the duration is over
    std::uint64_t reply_timeout_ns = 0;
    Framing framing;  // of the messages, which have it already
    const MessageSource* messages = nullptr;
    Expectation expectation;
    // whose exchanges the messages are; then with a depth of 1, no rate, and whole passes in the
    // counts
    const Script* script = nullptr;
};

}  // namespace portico::client
