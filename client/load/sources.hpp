// The local addresses that connections are made from (--source).
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "io/address.hpp"

namespace portico::client {

inline constexpr std::size_t sources_max = 65'536;

// "ADDRESS", "FIRST-LAST", or several with commas between them. Returns literal addresses of one
// family, in the order written, with port 0. A range includes both ends.
[[nodiscard]] base::Result<std::vector<io::Address>> parse_sources(std::string_view text);

// Returns the server's addresses that can be reached from `sources` (not empty). Fails if there are
// none, or if a source is not an address of this machine.
[[nodiscard]] base::Result<std::vector<io::Address>> reachable_from(
    const std::vector<io::Address>& sources, const std::vector<io::Address>& addresses);

}  // namespace portico::client
