// Reads the limits of a listener or an upstream.
#pragma once

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

void read_limits(ObjectReader reader, Limits& limits);

}  // namespace portico::config
