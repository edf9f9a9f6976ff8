// Reads "listen" of a listener: an address, or a list of addresses. No two may be the same, in the
// whole file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// The addresses that were read so far, as host and port, each with the listener that has it (or the
// entry of its list).
using TakenAddresses = std::map<std::pair<std::string, std::uint16_t>, Place>;

void read_listen(ObjectReader& listener, std::vector<ListenAddress>& listen, TakenAddresses& taken,
                 Mistakes& mistakes);

// The same for an object that has exactly one address, no list.
void read_single_listen(ObjectReader& object, ListenAddress& listen, TakenAddresses& taken,
                        Mistakes& mistakes);

}  // namespace portico::config
