// What an operator may have meant by an address in another program's notation. Texts of more than
// excerpt_characters are too long to repeat: do not ask about them.
#pragma once

#include <string>
#include <string_view>

namespace portico::config {

// A Unix socket or a URL: what to write instead. Empty for anything else. `port`: for examples.
[[nodiscard]] std::string meant_by_notation(std::string_view text, std::string_view port);

// Without a port, or an IPv6 address without brackets: the whole address. Empty for anything else.
[[nodiscard]] std::string meant_by_parts(std::string_view text, std::string_view port);

// Control characters count.
[[nodiscard]] bool has_spaces(std::string_view text);

}  // namespace portico::config
