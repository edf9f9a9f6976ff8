// An IP address with a port, as plain data: what listeners are bound to and where peers come from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace portico::io {

struct Address {
    enum class Family : std::uint8_t { none, v4, v6 };

    std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
    std::uint32_t scope_id = 0;            // IPv6 link-local only
    std::uint16_t port = 0;                // host order
    Family family = Family::none;
    std::uint8_t unused = 0;  // fills the padding, so that an address is its 24 bytes

    friend bool operator==(const Address&, const Address&) = default;
};

// "192.0.2.1:5000", "[2001:db8::1]:5000"; "-" for none.
[[nodiscard]] std::string to_string(const Address& address);

// Splits what an operator writes: "127.0.0.1:5000", "[::1]:5000", "localhost:5000", "5000" (the
// host is then empty, which means the loopback). Checks the port's range (0 to 65535) and the
// brackets, not the name.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
[[nodiscard]] base::Result<HostPort> parse_host_port(std::string_view text);

// A literal IPv4 or IPv6 address, without brackets, port or scope; nothing for anything else.
[[nodiscard]] std::optional<Address> parse_address(const std::string& text);

// True if only this machine reaches it: 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback(const Address& address) noexcept;

// All addresses of a host: a literal address, or a name that the system's resolver looks up (this
// may block, so call it only at start-up, or on a thread that does nothing else). An empty host is
// the loopback, 127.0.0.1. Never an empty list. The kind of a failure is name_unknown if the name
// has no address; otherwise it may have one, and could not be looked up.
inline constexpr int name_unknown = 1;
[[nodiscard]] base::Result<std::vector<Address>> resolve(const std::string& host,
                                                         std::uint16_t port);

}  // namespace portico::io
