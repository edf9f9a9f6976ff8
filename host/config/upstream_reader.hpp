// Reads the upstreams of a listener: the servers that its plugin connects to.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// `reader`: of "upstreams", whose keys are the names.
void read_upstreams(ObjectReader reader, std::vector<Upstream>& upstreams);

}  // namespace portico::config
