// The table of an extension, as a plugin asks its host for it.
#pragma once

#include <string_view>

#include <portico/portico.h>

namespace portico::test {

// Null if the host does not have it. `id`: PORTICO_EXT_... of `Table`.
template <class Table>
[[nodiscard]] const Table* extension(const portico_host& host, portico_instance* instance,
                                     std::string_view id) noexcept {
    return static_cast<const Table*>(host.get_extension(instance, id.data(), id.size()));
}

}  // namespace portico::test
