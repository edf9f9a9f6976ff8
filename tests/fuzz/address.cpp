// Addresses: compares what an operator may write in "listen" with a second parser; and converts any
// address to text and back.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>

#include "base/assert.hpp"
#include "fuzz/input.hpp"
#include "io/address.hpp"
#include "io/native.hpp"

using namespace portico;

namespace {

// "PORT", "HOST:PORT", "[HOST]:PORT".
std::optional<io::HostPort> reference(const std::string& text) {
    io::HostPort result;
    std::string port = text;
    if (text.starts_with("[")) {
        const std::size_t end = text.find("]:");
        if (end != text.find(']') || end == std::string::npos || end == 1) {
            return std::nullopt;
        }
        result.host = text.substr(1, end - 1);
        port = text.substr(end + 2);
    } else if (const std::size_t colon = text.find(':'); colon != std::string::npos) {
        result.host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (result.host.empty()) {
            return std::nullopt;
        }
    }
    if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    port.erase(0, std::min(port.find_first_not_of('0'), port.size() - 1));
    if (port.size() > 5 || std::stoul(port) > 65'535) {
        return std::nullopt;
    }
    result.port = static_cast<std::uint16_t>(std::stoul(port));
    return result;
}

void check_text(const std::string& text) {
    base::Result<io::HostPort> parsed = io::parse_host_port(text);
    const std::optional<io::HostPort> expected = reference(text);
    PORTICO_ASSERT(static_cast<bool>(parsed) == expected.has_value());
    if (!parsed) {
        PORTICO_ASSERT(parsed.error().starts_with('"' + text + "\": "));
        return;
    }
    PORTICO_ASSERT(parsed->host == expected->host && parsed->port == expected->port);
}

void check_address(fuzz::Input& input) {
    io::Address address;
    address.family = input.flag() ? io::Address::Family::v6 : io::Address::Family::v4;
    const std::size_t size = address.family == io::Address::Family::v6 ? 16 : 4;
    for (std::size_t i = 0; i < size; ++i) {
        address.bytes[i] = input.byte();
    }
    address.port = input.number<std::uint16_t>();
    if (size == 16 && input.flag()) {
        address.scope_id = input.number<std::uint32_t>();
    }
    sockaddr_storage native{};
    PORTICO_ASSERT(io::to_native(address, native) ==
                   (size == 16 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)));
    PORTICO_ASSERT(io::from_native(native) == address);

    const std::string text = io::to_string(address);
    PORTICO_ASSERT(text.size() <= 72);  // the room that a plugin has for it
    base::Result<io::HostPort> parsed = io::parse_host_port(text);
    PORTICO_ASSERT(parsed && parsed->port == address.port);
    std::string host = parsed->host;
    if (const std::size_t percent = host.find('%'); percent != std::string::npos) {
        PORTICO_ASSERT(host.substr(percent + 1) == std::to_string(address.scope_id));
        host.resize(percent);
    } else {
        PORTICO_ASSERT(address.scope_id == 0);
    }
    std::array<std::uint8_t, 16> bytes{};
    PORTICO_ASSERT(::inet_pton(size == 16 ? AF_INET6 : AF_INET, host.c_str(), bytes.data()) == 1);
    PORTICO_ASSERT(bytes == address.bytes);
    base::Result<std::vector<io::Address>> resolved = io::resolve(parsed->host, parsed->port);
    PORTICO_ASSERT(resolved && resolved->size() == 1 && resolved->front() == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    if (size != 0 && data[0] < ' ') {
        input.byte();
        check_address(input);
    } else {
        check_text(input.rest());
    }
    return 0;
}
