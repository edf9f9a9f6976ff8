// The extension "portico.connections.draft/1": the list of an instance's connections, groups of
// them, and broadcasts (net/groups.hpp).
#pragma once

#include "portico/ext/connections.h"

namespace portico::plugin {

[[nodiscard]] const portico_connections& connections_table() noexcept;

}  // namespace portico::plugin
