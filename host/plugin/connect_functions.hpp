// The extension "portico.connect.draft/1": outbound connections (net/connector.hpp).
#pragma once

#include <optional>
#include <string_view>

#include "io/address.hpp"
#include "portico/ext/connect.h"

namespace portico::plugin {

[[nodiscard]] const portico_connect& connect_table() noexcept;

// The host takes these callbacks for outbound connections.
[[nodiscard]] bool are_sound(const portico_callbacks* callbacks) noexcept;

// The address of a portico_target; nothing if it is none. Throws std::bad_alloc.
[[nodiscard]] std::optional<io::Address> address_of(std::string_view text);

}  // namespace portico::plugin
