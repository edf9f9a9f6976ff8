// Reads "admin": where the endpoint for operators listens, and who may use it.
#pragma once

#include <string>

#include "config/config.hpp"
#include "config/listen_reader.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

// `taken`: the listeners' addresses.
void read_admin(ObjectReader reader, const std::string& file, Admin& admin, TakenAddresses& taken,
                Mistakes& mistakes);

}  // namespace portico::config
