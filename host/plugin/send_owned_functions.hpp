// The extension "portico.send_owned.draft/1": sends of memory that the plugin keeps, and memory of
// the host in which a plugin writes what it sends.
#pragma once

#include "portico/ext/send_owned.h"

namespace portico::plugin {

[[nodiscard]] const portico_send_owned& send_owned_table() noexcept;

}  // namespace portico::plugin
