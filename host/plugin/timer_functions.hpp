// The extension "portico.timer.draft/1": timers of connections and of the instance
// (net/timers.hpp).
#pragma once

#include "portico/ext/timer.h"

namespace portico::plugin {

[[nodiscard]] const portico_timers& timer_table() noexcept;

}  // namespace portico::plugin
