// The extension "portico.settings.draft/1": its table reads the settings of the instance whose
// create or validate runs.
#pragma once

#include "portico/ext/settings.h"

namespace portico::plugin {

[[nodiscard]] const portico_settings& settings_table() noexcept;

}  // namespace portico::plugin
