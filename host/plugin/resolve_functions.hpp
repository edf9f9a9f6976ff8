// The extension "portico.resolve.draft/1": names are looked up by the instance's Resolver.
#pragma once

#include "portico/ext/resolve.h"

namespace portico::plugin {

[[nodiscard]] const portico_resolve& resolve_table() noexcept;

}  // namespace portico::plugin
