// Reads "framing", and checks that its keys fit its type and that its sizes are possible.
#pragma once

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

void read_framing(ObjectReader reader, Framing& framing);

}  // namespace portico::config
