// The extension "portico.connect.draft/1": outbound connections (net/connector.hpp).
#pragma once

#include "portico/ext/connect.h"

namespace portico::plugin {

[[nodiscard]] const portico_connect& connect_table() noexcept;

}  // namespace portico::plugin
