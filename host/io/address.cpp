#include "io/address.hpp"

#include <charconv>
#include <cstring>
#include <memory>

#include "io/native.hpp"

#ifndef _WIN32
#include <arpa/inet.h>
#include <netdb.h>
#endif

namespace portico::io {

namespace {

// The resolver knows that the name has no address, and has not merely failed to find one.
bool is_unknown(int code) noexcept {
#ifdef _WIN32
    return code == WSAHOST_NOT_FOUND || code == WSANO_DATA;
#else
#ifdef EAI_NODATA
    if (code == EAI_NODATA) {
        return true;
    }
#endif
    return code == EAI_NONAME;
#endif
}

// By hand, because each connection that ends has an access line with it, and inet_ntop prints
// through printf.
std::string v4_text(const Address& address) {
    char text[sizeof "255.255.255.255:65535"];
    char* at = text;
    for (std::size_t i = 0; i < 4; ++i) {
        at = std::to_chars(at, text + sizeof text, unsigned{address.bytes[i]}).ptr;
        *at++ = i < 3 ? '.' : ':';
    }
    at = std::to_chars(at, text + sizeof text, address.port).ptr;
    return std::string(text, at);
}

}  // namespace

std::string to_string(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    switch (address.family) {
        case Address::Family::none: return "-";
        case Address::Family::v4: return v4_text(address);
        case Address::Family::v6: break;
    }
    ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    const std::string scope = address.scope_id != 0 ? "%" + std::to_string(address.scope_id) : "";
    return "[" + std::string(text) + scope + "]:" + std::to_string(address.port);
}

socklen_t to_native(const Address& address, sockaddr_storage& native) noexcept {
    std::memset(&native, 0, sizeof native);
    switch (address.family) {
        case Address::Family::none: return 0;
        case Address::Family::v4: {
            auto& v4 = reinterpret_cast<sockaddr_in&>(native);
            v4.sin_family = AF_INET;
            v4.sin_port = htons(address.port);
            std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
            return sizeof v4;
        }
        case Address::Family::v6: break;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(native);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    v6.sin6_scope_id = address.scope_id;
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    return sizeof v6;
}

Address from_native(const sockaddr_storage& native) noexcept {
    Address address;
    if (native.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(native);
        address.family = Address::Family::v4;
        address.port = ntohs(v4.sin_port);
        std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
    } else if (native.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(native);
        address.family = Address::Family::v6;
        address.port = ntohs(v6.sin6_port);
        address.scope_id = v6.sin6_scope_id;
        std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    }
    return address;
}

base::Result<HostPort> parse_host_port(std::string_view text) {
    const auto failure = [&](const std::string& why) {
        return base::Failure{
            "\"" + std::string(text) + "\": " + why +
            " (expected \"ADDRESS:PORT\", \"[IPv6]:PORT\", \"NAME:PORT\" or \"PORT\")"};
    };
    HostPort result;
    std::string_view port_text = text;
    if (!text.empty() && text.front() == '[') {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) {
            return failure("the bracket is not closed");
        }
        result.host = text.substr(1, bracket - 1);
        if (result.host.empty()) {
            return failure("no address between the brackets");
        }
        if (bracket + 1 >= text.size() || text[bracket + 1] != ':') {
            return failure("no port after the bracket");
        }
        port_text = text.substr(bracket + 2);
    } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        result.host = text.substr(0, colon);
        if (result.host.empty()) {
            return failure("no address before the colon");
        }
        if (result.host.find(':') != std::string::npos) {
            return failure("an IPv6 address needs brackets");
        }
        port_text = text.substr(colon + 1);
    }
    std::uint32_t port = 0;
    const auto [end, code] = std::from_chars(port_text.data(), port_text.data() + port_text.size(),
                                             port);
    if (code != std::errc() || end != port_text.data() + port_text.size() || port > 65'535) {
        return failure("the port is not a number from 0 to 65535");
    }
    result.port = static_cast<std::uint16_t>(port);
    return result;
}

std::optional<Address> parse_address(const std::string& text) {
#ifdef _WIN32
    ensure_sockets_started();
#endif
    Address literal;
    if (text.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    if (::inet_pton(AF_INET, text.c_str(), literal.bytes.data()) == 1) {
        literal.family = Address::Family::v4;
        return literal;
    }
    if (::inet_pton(AF_INET6, text.c_str(), literal.bytes.data()) == 1) {
        literal.family = Address::Family::v6;
        return literal;
    }
    return std::nullopt;
}

bool is_loopback(const Address& address) noexcept {
    constexpr std::array<std::uint8_t, 16> loopback_v6{0, 0, 0, 0, 0, 0, 0, 0,
                                                       0, 0, 0, 0, 0, 0, 0, 1};
    return address.family == Address::Family::v4   ? address.bytes[0] == 127
           : address.family == Address::Family::v6 ? address.bytes == loopback_v6
                                                   : false;
}

base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
#ifdef _WIN32
    ensure_sockets_started();
#endif
    const std::string asked = host.empty() ? "127.0.0.1" : host;
    // A literal address needs no resolver, unless it has a scope, whose name only the resolver
    // knows.
    if (std::optional<Address> literal = parse_address(asked)) {
        literal->port = port;
        return std::vector{*literal};
    }
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(asked.c_str(), nullptr, &hints, &found);
    if (code != 0) {
        const int kind = is_unknown(code) ? name_unknown : 0;
#ifdef _WIN32
        return base::Failure{"cannot resolve \"" + asked + "\": " + native_error_text(code), kind};
#else
        return base::Failure{"cannot resolve \"" + asked + "\": " + ::gai_strerror(code), kind};
#endif
    }
    struct FreeAddresses {
        void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
    };
    const std::unique_ptr<addrinfo, FreeAddresses> owned(found);
    std::vector<Address> addresses;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        sockaddr_storage native{};
        std::memcpy(&native, at->ai_addr, std::min<std::size_t>(at->ai_addrlen, sizeof native));
        Address address = from_native(native);
        if (address.family == Address::Family::none) {
            continue;
        }
        address.port = port;
        bool known = false;
        for (const Address& other : addresses) {
            known = known || other == address;
        }
        if (!known) {
            addresses.push_back(address);
        }
    }
    if (addresses.empty()) {
        return base::Failure{"cannot resolve \"" + asked + "\": no IPv4 or IPv6 address",
                             name_unknown};
    }
    return addresses;
}

}  // namespace portico::io
