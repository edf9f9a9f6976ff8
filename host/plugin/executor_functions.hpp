// The extension "portico.executor.draft/1": blocking work on the instance's helper threads
// (plugin/executor.hpp), and its way back to a strand.
#pragma once

#include "portico/ext/executor.h"

namespace portico::plugin {

[[nodiscard]] const portico_executor& executor_table() noexcept;

}  // namespace portico::plugin
