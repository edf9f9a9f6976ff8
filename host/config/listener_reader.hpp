// Reads the listeners of a configuration: the keys of each, and the rules between them.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/listen_reader.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// `file` goes into the settings, for their errors. `addresses`: gets those of the listeners.
[[nodiscard]] std::vector<Listener> read_listeners(ObjectReader& root, const std::string& file,
                                                   TakenAddresses& addresses, Mistakes& mistakes);

}  // namespace portico::config
