// Reads "framing": which keys fit which type, and how large a frame may be.
#pragma once

#include "config/config.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

void read_framing(ObjectReader reader, Framing& framing);

}  // namespace portico::config
